import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { mustFor } from '../access.ts'
import { pageLinks } from '../page-links.ts'
import { door } from '../policies.ts'
import { getNamespace } from './namespaces.ts'
import { definitionRows, mustBeNew } from './rows.ts'
import { TagListBody, type DefinitionKind, type DefinitionTable } from './schema.ts'
import { insertDefinitions, listAssociations, listDefinitions, removeDefinitions } from './store.ts'
import { objectView, propertiesView } from './view.ts'

const Ns = Type.Object({ ns: Type.String() })
const NS = '/v2/metadefs/namespaces/:ns'

export const definitionListRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: `${NS}/objects`,
    policy: 'get_metadef_objects',
    params: Ns,
    summary: "Lists a namespace's objects",
    handle: async (ctx, req) => await listObjects(ctx, req, req.params.ns),
  }),
  route({
    method: 'GET',
    path: `${NS}/properties`,
    policy: 'get_metadef_properties',
    params: Ns,
    summary: "Lists a namespace's properties",
    handle: async (ctx, { params, rawQuery }) =>
      await listProperties(ctx, params.ns, rawQuery.get('resource_type')),
  }),
  route({
    method: 'GET',
    path: `${NS}/tags`,
    policy: 'get_metadef_tags',
    params: Ns,
    summary: "Lists a namespace's tags",
    handle: async (ctx, req) => await listTags(ctx, req, req.params.ns),
  }),
  route({
    method: 'POST',
    path: `${NS}/tags`,
    policy: door('add_metadef_tags'),
    params: Ns,
    body: TagListBody,
    summary: "Replaces, or with X-Openstack-Append adds to, a namespace's tags",
    handle: async (ctx, req) => await putTags(ctx, req, req.params.ns, req.body),
  }),
]

async function page(
  ctx: Ctx,
  req: Req,
  ns: string,
  kind: DefinitionKind,
): Promise<{ rows: readonly DefinitionTable[]; links: ReturnType<typeof pageLinks> }> {
  await getNamespace(ctx, ns)
  const query = req.rawQuery
  const asked = pageOf(query, {
    sortable: ['name', 'created_at', 'updated_at'],
    defaultSort: [{ key: 'created_at', dir: 'desc' }],
  })
  const rows = (await listDefinitions(ctx, ns, kind)).map((row) => ({ ...row, id: row.name }))
  const { items, more } = cutPage(rows, asked, (row, key) =>
    key === 'name' ? row.name : key === 'updated_at' ? row.updated_at : row.created_at,
  )
  const path = `/v2/metadefs/namespaces/${encodeURIComponent(ns)}/${kind}s`
  return { rows: items, links: pageLinks(path, query, more ? items.at(-1)?.name : undefined) }
}

async function listObjects(ctx: Ctx, req: Req, ns: string): Promise<Record<string, unknown>> {
  const { rows, links } = await page(ctx, req, ns, 'object')
  return {
    objects: rows.map((row) => objectView(row)),
    ...links,
    schema: '/v2/schemas/metadefs/objects',
  }
}

async function listTags(ctx: Ctx, req: Req, ns: string): Promise<Record<string, unknown>> {
  const { rows, links } = await page(ctx, req, ns, 'tag')
  return { tags: rows.map(({ name }) => ({ name })), ...links, schema: '/v2/schemas/metadefs/tags' }
}

async function listProperties(
  ctx: Ctx,
  ns: string,
  resourceType: string | null,
): Promise<Record<string, unknown>> {
  await getNamespace(ctx, ns)
  const associations = resourceType === null ? [] : await listAssociations(ctx, [ns])
  const prefix = associations.find(({ name }) => name === resourceType)?.prefix ?? ''
  return {
    properties: propertiesView(await listDefinitions(ctx, ns, 'property'), prefix),
    schema: '/v2/schemas/metadefs/properties',
  }
}

async function putTags(
  ctx: Ctx,
  req: Req,
  ns: string,
  body: Static<typeof TagListBody>,
): Promise<Reply> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, 'add_metadef_tags', namespace.owner)
  const append = /^true$/i.test(String(req.headers['x-openstack-append'] ?? ''))
  await inTx(ctx, async (tx) => {
    if (!append) await removeDefinitions(tx, ns, 'tag')
    mustBeNew(await insertDefinitions(tx, definitionRows(tx, ns, 'tag', body.tags)))
  })
  const rows = await listDefinitions(ctx, ns, 'tag')
  return reply(201, {
    tags: rows.map(({ name }) => ({ name })),
    schema: '/v2/schemas/metadefs/tags',
  })
}
