import { Type } from '../../../kernel/schema/type.ts'
import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { mustFor } from '../access.ts'
import { pageLinks } from '../page-links.ts'
import { door } from '../policies.ts'
import { associationRow, definitionRows, mustBeNew } from './rows.ts'
import { NamespaceBody, type NamespaceTable } from './schema.ts'
import {
  findNamespace,
  insertAssociation,
  insertDefinitions,
  insertNamespace,
  listAssociations,
  listDefinitions,
  listNamespaces,
  namespaceExists,
  removeNamespace,
  updateNamespace,
} from './store.ts'
import { namespaceView, objectView, propertiesView, tagView } from './view.ts'

const Ns = Type.Object({ ns: Type.String() })
const BASE = '/v2/metadefs/namespaces'

export const namespaceRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: BASE,
    policy: 'get_metadef_namespaces',
    summary: 'Lists metadata definition namespaces',
    handle: async (ctx, req) => await index(ctx, req),
  }),
  route({
    method: 'POST',
    path: BASE,
    policy: 'add_metadef_namespace',
    body: NamespaceBody,
    summary: 'Creates a namespace',
    handle: async (ctx, req) => await create(ctx, req, req.body),
  }),
  route({
    method: 'GET',
    path: `${BASE}/:ns`,
    policy: 'get_metadef_namespace',
    params: Ns,
    summary: 'Shows a namespace with all it defines',
    handle: async (ctx, { params, rawQuery }) =>
      await show(ctx, params.ns, rawQuery.get('resource_type')),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/:ns`,
    policy: door('modify_metadef_namespace'),
    params: Ns,
    body: NamespaceBody,
    summary: 'Updates a namespace',
    handle: async (ctx, { params, body }) => await update(ctx, params.ns, body),
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/:ns`,
    policy: door('delete_metadef_namespace'),
    params: Ns,
    summary: 'Deletes a namespace',
    handle: async (ctx, { params }) => await remove(ctx, params.ns),
  }),
]

export async function getNamespace(ctx: Ctx, namespace: string): Promise<NamespaceTable> {
  const row = await findNamespace(ctx, namespace)
  if (row === undefined)
    throw cloudError(
      'notFound',
      `Metadata definition namespace=${namespace.slice(0, 80)} was not found.`,
    )
  return row
}

async function index(ctx: Ctx, req: Req): Promise<Record<string, unknown>> {
  const query = req.rawQuery
  const page = pageOf(query, {
    sortable: ['namespace', 'created_at', 'updated_at'],
    defaultSort: [{ key: 'created_at', dir: 'desc' }],
    defaultLimit: 25,
  })
  const rows = await listNamespaces(ctx)
  const associations = Map.groupBy(
    await listAssociations(
      ctx,
      rows.map((row) => row.namespace),
    ),
    (row) => row.namespace,
  )
  const types = query.get('resource_types')?.split(',')
  const wanted = rows.filter(
    (row) =>
      (query.get('visibility') ?? row.visibility) === row.visibility &&
      (query.get('owner') ?? row.owner) === row.owner &&
      (types === undefined ||
        (associations.get(row.namespace) ?? []).some(({ name }) => types.includes(name))),
  )
  const { items, more } = cutPage(
    wanted.map((row) => ({ ...row, id: row.namespace })),
    page,
    (row, key) =>
      key === 'namespace' ? row.namespace : key === 'updated_at' ? row.updated_at : row.created_at,
  )
  return {
    namespaces: items.map((row) => namespaceView(row, associations.get(row.namespace) ?? [])),
    ...pageLinks(BASE, query, more ? items.at(-1)?.id : undefined),
    schema: '/v2/schemas/metadefs/namespaces',
  }
}

async function create(ctx: Ctx, req: Req, body: NamespaceBody): Promise<Reply> {
  const now = ctx.now().toISOString()
  const { namespace } = body
  await inTx(ctx, async (tx) => {
    const inserted = await insertNamespace(tx, {
      namespace,
      display_name: body.display_name ?? null,
      description: body.description ?? null,
      visibility: body.visibility ?? 'private',
      protected: body.protected === true ? 1 : 0,
      owner: body.owner ?? projectOf(ctx),
      created_at: now,
      updated_at: now,
    })
    if (!inserted) throw taken(namespace)
    for (const association of body.resource_type_associations ?? [])
      await insertAssociation(tx, associationRow(ctx, namespace, association))
    const properties = Object.entries(body.properties ?? {}).map(([name, definition]) => ({
      name,
      ...definition,
    }))
    mustBeNew(
      await insertDefinitions(tx, [
        ...definitionRows(ctx, namespace, 'property', properties),
        ...definitionRows(ctx, namespace, 'object', body.objects ?? []),
        ...definitionRows(ctx, namespace, 'tag', body.tags ?? []),
      ]),
    )
  })
  return reply(201, await show(ctx, namespace, null), {
    Location: `${req.serviceUrl}${BASE}/${encodeURIComponent(namespace)}`,
  })
}

async function show(
  ctx: Ctx,
  namespace: string,
  resourceType: string | null,
): Promise<Record<string, unknown>> {
  const row = await getNamespace(ctx, namespace)
  const associations = await listAssociations(ctx, [namespace])
  const prefix = associations.find(({ name }) => name === resourceType)?.prefix ?? ''
  const {
    object = [],
    property = [],
    tag = [],
  } = Object.groupBy(await listDefinitions(ctx, namespace), ({ kind }) => kind)
  return {
    ...namespaceView(row, associations),
    ...(property.length === 0 ? {} : { properties: propertiesView(property, prefix) }),
    ...(object.length === 0
      ? {}
      : { objects: object.map((definition) => objectView(definition, prefix)) }),
    ...(tag.length === 0 ? {} : { tags: tag.map(tagView) }),
  }
}

async function update(
  ctx: Ctx,
  namespace: string,
  body: NamespaceBody,
): Promise<Record<string, unknown>> {
  const row = await getNamespace(ctx, namespace)
  mustFor(ctx, 'modify_metadef_namespace', row.owner)
  await inTx(ctx, async (tx) => {
    if (body.namespace !== namespace && (await namespaceExists(tx, body.namespace)))
      throw taken(body.namespace)
    await updateNamespace(tx, namespace, {
      namespace: body.namespace,
      display_name: body.display_name ?? null,
      description: body.description ?? null,
      visibility: body.visibility ?? 'private',
      protected: body.protected === true ? 1 : 0,
      owner: body.owner ?? row.owner,
    })
  })
  return namespaceView(
    await getNamespace(ctx, body.namespace),
    await listAssociations(ctx, [body.namespace]),
  )
}

async function remove(ctx: Ctx, namespace: string): Promise<void> {
  const row = await getNamespace(ctx, namespace)
  mustFor(ctx, 'delete_metadef_namespace', row.owner)
  if (row.protected === 1)
    throw cloudError(
      'forbidden',
      `Metadata definition namespace ${namespace} is protected and cannot be deleted.`,
    )
  await removeNamespace(ctx, namespace)
}

function taken(namespace: string): Error {
  return cloudError('conflict', `The metadata definition namespace=${namespace} already exists.`)
}
