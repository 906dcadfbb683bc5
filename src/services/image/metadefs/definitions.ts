import { Type, type TUnsafe } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { mustFor } from '../access.ts'
import { door, type JudgedRule } from '../policies.ts'
import { getNamespace } from './namespaces.ts'
import { definitionBody, definitionRows, mustBeNew } from './rows.ts'
import {
  ObjectBody,
  PropertyBody,
  TagBody,
  type DefinitionKind,
  type DefinitionTable,
} from './schema.ts'
import { findDefinition, insertDefinitions, removeDefinitions, updateDefinition } from './store.ts'
import { objectView, propertyView, tagView } from './view.ts'

interface Named {
  readonly name: string
}

/** Objects, properties and tags have the same calls; this is where they differ. */
interface Kind {
  readonly kind: DefinitionKind
  readonly path: string
  readonly body: TUnsafe<Named>
  readonly rules: {
    readonly get: string
    readonly add: JudgedRule
    readonly modify: JudgedRule
    readonly remove: JudgedRule
  }
  view(row: DefinitionTable): Record<string, unknown>
}

const kinds: readonly Kind[] = [
  {
    kind: 'object',
    path: 'objects',
    body: Type.Unsafe<Named>(ObjectBody),
    view: (row) => objectView(row),
    rules: {
      get: 'get_metadef_object',
      add: 'add_metadef_object',
      modify: 'modify_metadef_object',
      remove: 'delete_metadef_object',
    },
  },
  {
    kind: 'property',
    path: 'properties',
    body: Type.Unsafe<Named>(PropertyBody),
    view: (row) => propertyView(row, true),
    rules: {
      get: 'get_metadef_property',
      add: 'add_metadef_property',
      modify: 'modify_metadef_property',
      remove: 'remove_metadef_property',
    },
  },
  {
    kind: 'tag',
    path: 'tags',
    body: Type.Unsafe<Named>(TagBody),
    view: tagView,
    rules: {
      get: 'get_metadef_tag',
      add: 'add_metadef_tag',
      modify: 'modify_metadef_tag',
      remove: 'delete_metadef_tag',
    },
  },
]

const Ns = Type.Object({ ns: Type.String() })
const NsName = Type.Object({ ns: Type.String(), name: Type.String() })

export const definitionRoutes: readonly Route[] = kinds.flatMap((kind) => {
  const all = `/v2/metadefs/namespaces/:ns/${kind.path}`
  return [
    createRoute(kind, all),
    route({
      method: 'DELETE',
      path: all,
      policy: door(kind.rules.remove),
      params: Ns,
      summary: `Removes all ${kind.path} of a namespace`,
      handle: async (ctx, { params }) => await removeAll(ctx, kind, params.ns),
    }),
    ...oneRoutes(kind, `${all}/:name`),
  ]
})

/** A tag is made by its name in the path; objects and properties by a body. */
function createRoute(kind: Kind, all: string): Route {
  return kind.kind === 'tag'
    ? route({
        method: 'POST',
        path: `${all}/:name`,
        policy: door(kind.rules.add),
        params: NsName,
        summary: 'Defines a tag',
        handle: async (ctx, req) =>
          await add(ctx, req, kind, req.params.ns, tagBody(req.params.name)),
      })
    : route({
        method: 'POST',
        path: all,
        policy: door(kind.rules.add),
        params: Ns,
        body: kind.body,
        summary: `Defines one of the ${kind.path}`,
        handle: async (ctx, req) => await add(ctx, req, kind, req.params.ns, req.body),
      })
}

function oneRoutes(kind: Kind, path: string): readonly Route[] {
  const { rules } = kind
  return [
    route({
      method: 'GET',
      path,
      policy: rules.get,
      params: NsName,
      summary: `Shows one of the ${kind.path}`,
      handle: async (ctx, { params }) => await show(ctx, kind, params.ns, params.name),
    }),
    route({
      method: 'PUT',
      path,
      policy: door(rules.modify),
      params: NsName,
      body: kind.body,
      summary: `Updates one of the ${kind.path}`,
      handle: async (ctx, { params, body }) =>
        await update(ctx, kind, params.ns, params.name, body),
    }),
    route({
      method: 'DELETE',
      path,
      policy: door(rules.remove),
      params: NsName,
      summary: `Removes one of the ${kind.path}`,
      handle: async (ctx, { params }) => await remove(ctx, kind, params.ns, params.name),
    }),
  ]
}

function tagBody(name: string): Named {
  if (name.length > 80) throw cloudError('badRequest', 'The name of a tag can have 80 characters.')
  return { name }
}

async function add(ctx: Ctx, req: Req, kind: Kind, ns: string, body: Named): Promise<Reply> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, kind.rules.add, namespace.owner)
  const rows = definitionRows(ctx, ns, kind.kind, [body])
  await inTx(ctx, async (tx) => mustBeNew(await insertDefinitions(tx, rows)))
  const path = `${req.serviceUrl}/v2/metadefs/namespaces/${encodeURIComponent(ns)}/${kind.path}/${encodeURIComponent(body.name)}`
  return reply(201, await show(ctx, kind, ns, body.name), { Location: path })
}

async function show(
  ctx: Ctx,
  kind: Kind,
  ns: string,
  name: string,
): Promise<Record<string, unknown>> {
  await getNamespace(ctx, ns)
  return kind.view(await getDefinition(ctx, kind, ns, name))
}

async function getDefinition(
  ctx: Ctx,
  kind: Kind,
  ns: string,
  name: string,
): Promise<DefinitionTable> {
  const row = await findDefinition(ctx, ns, kind.kind, name)
  if (row === undefined)
    throw cloudError(
      'notFound',
      `The metadata definition ${kind.kind} with name=${name.slice(0, 80)} was not found in namespace=${ns}.`,
    )
  return row
}

async function update(
  ctx: Ctx,
  kind: Kind,
  ns: string,
  name: string,
  body: Named,
): Promise<Record<string, unknown>> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, kind.rules.modify, namespace.owner)
  return await inTx(ctx, async (tx) => {
    const row = await getDefinition(tx, kind, ns, name)
    if (body.name !== name && (await findDefinition(tx, ns, kind.kind, body.name)) !== undefined)
      mustBeNew(body.name)
    await updateDefinition(tx, row, { name: body.name, body: definitionBody(body) })
    return kind.view(await getDefinition(tx, kind, ns, body.name))
  })
}

async function remove(ctx: Ctx, kind: Kind, ns: string, name: string): Promise<void> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, kind.rules.remove, namespace.owner)
  mustNotBeProtected(namespace)
  const row = await getDefinition(ctx, kind, ns, name)
  await removeDefinitions(ctx, ns, kind.kind, row.name)
}

async function removeAll(ctx: Ctx, kind: Kind, ns: string): Promise<void> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, kind.kind === 'tag' ? 'delete_metadef_tags' : kind.rules.remove, namespace.owner)
  mustNotBeProtected(namespace)
  await removeDefinitions(ctx, ns, kind.kind)
}

function mustNotBeProtected(namespace: {
  readonly namespace: string
  readonly protected: number
}): void {
  if (namespace.protected === 1) {
    throw cloudError(
      'forbidden',
      `Metadata definition namespace ${namespace.namespace} is protected: nothing in it can be deleted.`,
    )
  }
}
