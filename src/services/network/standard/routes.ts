import type { IncomingHttpHeaders } from 'node:http'
import type { TObject } from 'typebox'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { askingProject, mustOwn, ownerOf, seesAll } from './access.ts'
import { listQuery, pageLinks, pick } from './query.ts'
import type { Resource } from './resource.ts'
import { isTrue, wrapped, type StandardRow, type View } from './schema.ts'
import { findRow, listRows, rowsBy } from './store.ts'
import { tagRoutes } from './tags.ts'

type Wish = Readonly<Record<string, unknown>> & {
  readonly project_id?: string
  readonly tenant_id?: string
}

/** Every endpoint of a resource. */
export function resourceRoutes(kind: Resource): Route[] {
  const tags = kind.taggable === true ? tagRoutes(kind) : []
  return [...readRoutes(kind), ...writeRoutes(kind), ...tags]
}

const baseOf = (kind: Resource): string => `/v2.0/${kind.path}`
const ruleOf = (kind: Resource, verb: string): string => `network:${verb}_${kind.singular}`

/**
 * What only admins may write while all may read: its rule is asked after the body was found to be sound (400), and the object
 * to be one that may be seen (404), as Neutron does.
 */
const askedLater = (kind: Resource): boolean =>
  kind.adminWrites === true && kind.adminReads !== true

const writeRule = (
  kind: Resource,
  verb: string,
): Pick<Route, 'policy' | 'policyAskedByHandler'> => ({
  policy: ruleOf(kind, verb),
  ...(askedLater(kind) ? { policyAskedByHandler: true } : {}),
})

function mayWrite(ctx: Ctx, kind: Resource, verb: string): void {
  if (!askedLater(kind) || can(ctx, ruleOf(kind, verb))) return
  throw neutronError(
    'forbidden',
    'PolicyNotAuthorized',
    `(rule:${verb}_${kind.singular}) is disallowed by policy`,
  )
}

function readRoutes(kind: Resource): Route[] {
  const policy = ruleOf(kind, 'get')
  return [
    route({
      method: 'GET',
      path: baseOf(kind),
      policy,
      summary: `List ${kind.plural}`,
      handle: async (ctx, req) => await list(ctx, kind, req),
    }),
    route({
      method: 'GET',
      path: `${baseOf(kind)}/:id`,
      policy,
      summary: `Show one of the ${kind.plural}`,
      handle: async (ctx, req) => await show(ctx, kind, req),
    }),
  ]
}

function writeRoutes(kind: Resource): Route[] {
  const updates = kind.updateBody === undefined ? [] : [updateRoute(kind, kind.updateBody)]
  return [
    route({
      method: 'POST',
      path: baseOf(kind),
      ...writeRule(kind, 'create'),
      status: 201,
      summary: `Create ${kind.plural}`,
      body: wrapped(kind.createBody, kind.singular, kind.plural),
      handle: async (ctx, { body }) => await create(ctx, kind, body),
    }),
    ...updates,
    route({
      method: 'DELETE',
      path: `${baseOf(kind)}/:id`,
      ...writeRule(kind, 'delete'),
      summary: `Delete one of the ${kind.plural}`,
      handle: async (ctx, req) => await remove(ctx, kind, req),
    }),
  ]
}

const updateRoute = (kind: Resource, body: TObject): Route =>
  route({
    method: 'PUT',
    path: `${baseOf(kind)}/:id`,
    ...writeRule(kind, 'update'),
    summary: `Change one of the ${kind.plural}`,
    body: wrapped(body, kind.singular),
    handle: async (ctx, req) => await update(ctx, kind, req),
  })

/** Neutron's rule names, with its defaults. */
export function resourcePolicies(kind: Resource): Record<string, string> {
  const write = kind.adminWrites === true ? 'rule:admin' : 'rule:project-member'
  const read = kind.adminReads === true ? 'rule:admin' : 'rule:project-reader'
  const rules: Record<string, string> = { [`network:get_${kind.singular}`]: read }
  for (const verb of ['create', 'update', 'delete'])
    rules[`network:${verb}_${kind.singular}`] = write
  if (kind.openTags === true) rules[`network:update_${kind.singular}_tags`] = 'rule:project-member'
  for (const attribute of Object.keys(kind.adminOnly ?? {})) {
    for (const verb of ['create', 'update'])
      rules[`network:${verb}_${kind.singular}:${attribute}`] = 'rule:admin'
  }
  return rules
}

async function list(ctx: Ctx, kind: Resource, req: Req): Promise<View> {
  const query = listQuery(req.rawQuery, kind.spec)
  await kind.beforeList?.(ctx, query)
  const rows = await listRows<StandardRow>(ctx, kind.spec, query)
  const views = await kind.views(ctx, rows)
  const links = pageLinks(
    `${req.serviceUrl}/v2.0/${kind.path}`,
    req.rawQuery,
    query,
    rows.map(({ id }) => id),
  )
  return {
    [kind.plural]: views.map((view) => pick(view, query.fields)),
    ...(links.length > 0 ? { [`${kind.plural}_links`]: links } : {}),
  }
}

async function show(ctx: Ctx, kind: Resource, req: Req): Promise<View> {
  const { id } = req.params as { id: string } // named in the path
  const view = await viewOf(ctx, kind, await getRow(ctx, kind, id))
  return { [kind.singular]: pick(view, req.rawQuery.getAll('fields')) }
}

/** 404 in Neutron's words when who asks cannot see it. */
export async function getRow(ctx: Ctx, kind: Resource, id: string): Promise<StandardRow> {
  const row = await findRow<StandardRow>(ctx, kind.spec, id)
  if (row === undefined) throw notFound(kind, id)
  return row
}

const notFound = (kind: Resource, id: string): Error =>
  neutronError('notFound', kind.notFound, `${kind.label} ${id.slice(0, 255)} could not be found.`)

export async function viewOf(ctx: Ctx, kind: Resource, row: StandardRow): Promise<View> {
  const [view] = await kind.views(ctx, [row])
  return view ?? {}
}

async function create(ctx: Ctx, kind: Resource, body: unknown): Promise<View> {
  mayWrite(ctx, kind, 'create')
  const sent = body as Readonly<Record<string, unknown>> // the schema allows one of the two keys
  const many = sent[kind.plural]
  const items = (many === undefined ? [sent[kind.singular]] : many) as readonly Wish[] // checked by the resource's schema
  const wishes = items.map((item) => (item[kind.singular] ?? item) as Wish) // as above
  for (const wish of wishes) mustBeAllowed(ctx, kind, 'create', wish)
  const views = await inTx(ctx, async (tx) => {
    const ids: string[] = []
    for (const wish of wishes) ids.push(await kind.create(tx, wish, ownerOf(tx, wish)))
    const rows = await rowsBy<StandardRow>(tx, kind.spec, 'id', ids)
    return await kind.views(
      tx,
      rows.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id)),
    )
  })
  return many === undefined ? { [kind.singular]: views[0] } : { [kind.plural]: views }
}

/** Attributes that need a rule of their own: naming the common default is free, and so is not naming it. */
function mustBeAllowed(ctx: Ctx, kind: Resource, verb: 'create' | 'update', wish: Wish): void {
  for (const [attribute, harmless] of Object.entries(kind.adminOnly ?? {})) {
    const value = wish[attribute]
    if (value === undefined || (verb === 'create' && isHarmless(value, harmless))) continue
    const rule = `${verb}_${kind.singular}:${attribute}`
    if (!can(ctx, `network:${rule}`))
      throw neutronError(
        'forbidden',
        'PolicyNotAuthorized',
        `(rule:${verb}_${kind.singular} and rule:${rule}) is disallowed by policy`,
      )
  }
}

function isHarmless(value: unknown, harmless: unknown): boolean {
  if (
    typeof harmless === 'boolean' &&
    (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
  )
    return isTrue(value) === harmless
  return JSON.stringify(value) === JSON.stringify(harmless)
}

async function update(ctx: Ctx, kind: Resource, req: Req): Promise<View> {
  const wish = (req.body as Readonly<Record<string, Wish>>)[kind.singular] ?? {} // the schema demands it
  const { id } = req.params as { id: string } // named in the path
  return await inTx(ctx, async (tx) => {
    const row = await getRow(tx, kind, id)
    mayWrite(tx, kind, 'update')
    mustOwnIt(tx, kind, row, 'update')
    mustBeAllowed(tx, kind, 'update', wish)
    mustMatch(req.headers, row)
    await kind.update?.(tx, row, wish)
    return { [kind.singular]: await viewOf(tx, kind, await getRow(tx, kind, id)) }
  })
}

function mustOwnIt(ctx: Ctx, kind: Resource, row: StandardRow, verb: string): void {
  if (kind.foreignIsNotFound === true && !seesAll(ctx) && row.project_id !== askingProject(ctx))
    throw notFound(kind, row.id)
  mustOwn(ctx, row, `${verb}_${kind.singular}`, kind.alsoOwner?.(row))
}

async function remove(ctx: Ctx, kind: Resource, req: Req): Promise<unknown> {
  const { id } = req.params as { id: string } // named in the path
  await inTx(ctx, async (tx) => {
    const row = await getRow(tx, kind, id)
    mayWrite(tx, kind, 'delete')
    mustOwnIt(tx, kind, row, 'delete')
    mustMatch(req.headers, row)
    await kind.remove(tx, row)
  })
  return reply(204)
}

/** `If-Match: revision_number=3` makes a change only of that revision (extension revision-if-match). */
function mustMatch(headers: IncomingHttpHeaders, row: StandardRow): void {
  const asked = headers['if-match']
  if (asked === undefined) return
  const revision = /^revision_number=(\d{1,9})$/.exec(asked.trim())?.[1]
  if (revision === undefined)
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      'If-Match must read revision_number=<number>.',
    )
  if (Number(revision) === row.revision) return
  throw neutronError(
    'preconditionFailed',
    'RevisionNumberConstraintFailed',
    `Constrained to ${revision}, but current revision is ${row.revision}`,
  )
}
