import { Type, type Static } from '../../../kernel/schema/type.ts'

const Name = Type.String({ minLength: 1, maxLength: 80 })
const TypeName = Type.String({ minLength: 1, maxLength: 80 })
const Description = Type.Optional(Type.String({ maxLength: 10_000 }))
const strict = { additionalProperties: false } as const
/** What clients send back from what they were shown; the service knows better and ignores it. */
const shown = {
  self: Type.Optional(Type.String()),
  schema: Type.Optional(Type.String()),
  created_at: Type.Optional(Type.String()),
  updated_at: Type.Optional(Type.String()),
} as const

const propertyType = ['array', 'boolean', 'integer', 'number', 'object', 'string', null]
const whole = Type.Optional(Type.Integer({ minimum: 0 }))
const stringList = Type.Array(Type.String({ maxLength: 255 }), { uniqueItems: true })

/** A property's definition: the part of JSON Schema that Glance takes. */
const definition = {
  title: Type.String({ maxLength: 255 }),
  type: Type.Unsafe<string | null>({ enum: propertyType }),
  description: Description,
  operators: Type.Optional(stringList),
  readonly: Type.Optional(Type.Boolean()),
  minimum: Type.Optional(Type.Number()),
  maximum: Type.Optional(Type.Number()),
  maxLength: whole,
  minLength: whole,
  pattern: Type.Optional(Type.String({ maxLength: 1000 })),
  enum: Type.Optional(Type.Array(Type.Unknown())),
  default: Type.Optional(Type.Unknown()),
  items: Type.Optional(
    Type.Object({
      type: Type.Optional(Type.Unknown()),
      enum: Type.Optional(Type.Array(Type.Unknown())),
    }),
  ),
  maxItems: whole,
  minItems: whole,
  uniqueItems: Type.Optional(Type.Boolean()),
  additionalItems: Type.Optional(Type.Boolean()),
} as const
const Definitions = Type.Record(Type.String({ maxLength: 255 }), Type.Object(definition, strict))

export const PropertyBody = Type.Object({ name: Name, ...definition, ...shown }, strict)
export type PropertyBody = Static<typeof PropertyBody>

const objectFields = {
  name: Name,
  description: Description,
  required: Type.Optional(stringList),
  properties: Type.Optional(Definitions),
} as const
export const ObjectBody = Type.Object({ ...objectFields, ...shown }, strict)
export type ObjectBody = Static<typeof ObjectBody>

export const TagBody = Type.Object({ name: Name, ...shown }, strict)
export const TagListBody = Type.Object(
  { tags: Type.Array(Type.Object({ name: Name, ...shown }, strict), { maxItems: 1000 }) },
  strict,
)

export const AssociationBody = Type.Object(
  {
    name: TypeName,
    prefix: Type.Optional(Type.String({ maxLength: 80 })),
    properties_target: Type.Optional(Type.String({ maxLength: 80 })),
    ...shown,
  },
  strict,
)
export type AssociationBody = Static<typeof AssociationBody>

export const NamespaceBody = Type.Object(
  {
    namespace: Name,
    display_name: Type.Optional(Type.String({ maxLength: 80 })),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    visibility: Type.Optional(
      Type.Unsafe<'public' | 'private'>({ type: 'string', enum: ['public', 'private'] }),
    ),
    protected: Type.Optional(Type.Boolean()),
    owner: Type.Optional(Type.String({ maxLength: 255 })),
    resource_type_associations: Type.Optional(Type.Array(AssociationBody)),
    properties: Type.Optional(Definitions),
    objects: Type.Optional(Type.Array(ObjectBody)),
    tags: Type.Optional(Type.Array(TagBody)),
    ...shown,
  },
  strict,
)
export type NamespaceBody = Static<typeof NamespaceBody>

export interface NamespaceTable {
  namespace: string
  display_name: string | null
  description: string | null
  visibility: 'public' | 'private'
  protected: number
  owner: string | null
  created_at: string
  updated_at: string
}

export type DefinitionKind = 'object' | 'property' | 'tag'

export interface DefinitionTable {
  namespace: string
  kind: DefinitionKind
  name: string
  /** What the client wrote, without the name, as JSON. */
  body: string
  created_at: string
  updated_at: string
}

export interface ResourceTypeTable {
  name: string
  created_at: string
  updated_at: string
}

export interface AssociationTable {
  namespace: string
  name: string
  prefix: string | null
  properties_target: string | null
  created_at: string
  updated_at: string
}
