import type { TSchema } from 'typebox'
import { route, type Route } from '../../../kernel/http/route.ts'
import {
  AssociationBody,
  NamespaceBody,
  ObjectBody,
  PropertyBody,
  TagBody,
} from '../metadefs/schema.ts'
import { imageSchema } from './image.ts'

type Json = Record<string, unknown>

const time = { type: 'string', format: 'date-time' } as const
const text = { type: 'string' } as const
const described = { rel: 'describedby', href: '{schema}' } as const

const memberSchema: Json = {
  name: 'member',
  properties: {
    member_id: text,
    image_id: text,
    status: { type: 'string', enum: ['pending', 'accepted', 'rejected'] },
    created_at: time,
    updated_at: time,
    schema: { ...text, readOnly: true },
  },
}
const taskSchema: Json = {
  name: 'task',
  properties: {
    id: text,
    type: text,
    status: { type: 'string', enum: ['pending', 'processing', 'success', 'failure'] },
    input: { type: ['null', 'object'] },
    result: { type: ['null', 'object'] },
    owner: text,
    message: text,
    image_id: text,
    request_id: text,
    user_id: text,
    created_at: time,
    updated_at: time,
    expires_at: time,
    self: { ...text, readOnly: true },
    schema: { ...text, readOnly: true },
  },
}

/** What a body may hold is what the schema of its validation says. */
function bodySchema(name: string, body: TSchema): Json {
  return { name, ...(JSON.parse(JSON.stringify(body)) as Json) } // a schema is plain JSON
}

const namespaceSchema = bodySchema('namespace', NamespaceBody)
const objectSchema = bodySchema('object', ObjectBody)
const propertySchema = bodySchema('property', PropertyBody)
const tagSchema = bodySchema('tag', TagBody)
const associationSchema = bodySchema('resource_type_association', AssociationBody)

function listOf(name: string, key: string, item: Json): Json {
  return {
    name,
    properties: { [key]: { type: 'array', items: item }, first: text, next: text, schema: text },
    links: [{ rel: 'first', href: '{first}' }, { rel: 'next', href: '{next}' }, described],
  }
}

const schemas: Readonly<Record<string, Json>> = {
  image: imageSchema,
  images: listOf('images', 'images', imageSchema),
  member: memberSchema,
  members: {
    name: 'members',
    properties: { members: { type: 'array', items: memberSchema }, schema: text },
    links: [described],
  },
  task: taskSchema,
  tasks: listOf('tasks', 'tasks', taskSchema),
  'metadefs/namespace': namespaceSchema,
  'metadefs/namespaces': listOf('namespaces', 'namespaces', namespaceSchema),
  'metadefs/resource_type': associationSchema,
  'metadefs/resource_types': listOf(
    'resource_type_associations',
    'resource_type_associations',
    associationSchema,
  ),
  'metadefs/property': propertySchema,
  'metadefs/properties': {
    name: 'properties',
    properties: { properties: { type: 'object', additionalProperties: propertySchema } },
  },
  'metadefs/object': objectSchema,
  'metadefs/objects': listOf('objects', 'objects', objectSchema),
  'metadefs/tag': tagSchema,
  'metadefs/tags': listOf('tags', 'tags', tagSchema),
}

export const schemaRoutes: readonly Route[] = Object.entries(schemas).map(([name, schema]) =>
  route({
    method: 'GET',
    path: `/v2/schemas/${name}`,
    policy: 'get_images',
    summary: `Shows the JSON schema ${name}`,
    handle: async () => await Promise.resolve(schema),
  }),
)
