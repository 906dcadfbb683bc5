import type { TSchema } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { allow, guarded } from '../guarded.ts'
import { listBody, listQuery, passes } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Rule } from '../policies/rules.ts'
import { IdParams } from '../wire.ts'
import {
  findRecord,
  insertRecord,
  listRecords,
  removeRecord,
  saveRecord,
  type NewRecord,
  type RecordKind,
  type StoredRecord,
} from './store.ts'

export type Body = Readonly<Record<string, unknown>>

/** What a small administrative resource says about itself; `recordRoutes` makes its five endpoints of it. */
export interface RecordResource {
  readonly kind: RecordKind
  /** `/v3/services` */
  readonly path: string
  /** Keys of one and of many in bodies. */
  readonly member: string
  readonly collection: string
  /** Its words in messages and rules: `identity:create_<noun>`, `identity:list_<nouns>`. */
  readonly noun: string
  readonly nouns: string
  readonly create: TSchema
  readonly update: TSchema
  /** Text attributes and flags that lists can be filtered by. */
  readonly filters: readonly string[]
  readonly flags?: readonly string[]
  /** The client names it: `PUT /<id>` creates. */
  readonly putCreates?: boolean
  /** A record that is not there is a 404 even for those who may not see it. */
  readonly missingFirst?: boolean
  /** Checks a wish against the rest of the cloud and completes it; `before` is undefined for a new one. */
  prepare(
    ctx: Ctx,
    wish: Body,
    before: StoredRecord | undefined,
    id: string,
  ): Promise<Omit<NewRecord, 'id'> & { readonly id?: string }>
  /** Refuses or cleans up; may be left out. */
  beforeDelete?(ctx: Ctx, record: StoredRecord): Promise<void>
  /** Attributes beside body, id and self link; or hides some. */
  show?(ctx: Ctx, req: Req, record: StoredRecord): Body
}

/** Create, list, show, change and delete. */
export function recordRoutes(resource: RecordResource): readonly Route[] {
  return [createRoute(resource), listRoute(resource), ...ofOneRecord(resource)]
}

const ruleOf = (verb: string, noun: string): Rule => `identity:${verb}_${noun}` as Rule // every resource's names stand in policies/rules.ts; the kernel refuses unknown ones at start

function createRoute(resource: RecordResource): Route {
  const common = {
    policy: ruleOf('create', resource.noun),
    body: resource.create,
    status: 201,
  } as const
  return resource.putCreates === true
    ? guarded({
        ...common,
        method: 'PUT',
        path: `${resource.path}/:id`,
        params: IdParams,
        handle: async (ctx, req) => await create(ctx, req, resource, req.params.id),
      })
    : guarded({
        ...common,
        method: 'POST',
        path: resource.path,
        handle: async (ctx, req) => await create(ctx, req, resource, newId()),
      })
}

function listRoute(resource: RecordResource): Route {
  return guarded({
    method: 'GET',
    path: resource.path,
    policy: ruleOf('list', resource.nouns),
    handle: async (ctx, req) => await list(ctx, req, resource),
  })
}

/** A record by its id. */
function ofOneRecord(resource: RecordResource): readonly Route[] {
  const path = `${resource.path}/:id`
  return [
    guarded({
      method: 'GET',
      path,
      policy: ruleOf('get', resource.noun),
      params: IdParams,
      ...missingFirst(resource, 'get'),
      handle: async (ctx, req) => await show(ctx, req, resource, req.params.id),
    }),
    guarded({
      method: 'PATCH',
      path,
      policy: ruleOf('update', resource.noun),
      params: IdParams,
      body: resource.update,
      ...missingFirst(resource, 'update'),
      handle: async (ctx, req) => await update(ctx, req, resource, req.params.id),
    }),
    guarded({
      method: 'DELETE',
      path,
      policy: ruleOf('delete', resource.noun),
      params: IdParams,
      ...missingFirst(resource, 'delete'),
      handle: async (ctx, { params }) => await remove(ctx, resource, params.id),
    }),
  ]
}

/** The check of a resource that says so: the 404 before the 403. */
function missingFirst(
  resource: RecordResource,
  verb: string,
): { check?(ctx: Ctx, req: { readonly params: IdParams }): Promise<void> } {
  if (resource.missingFirst !== true) return {}
  return {
    async check(ctx, req) {
      await getRecord(ctx, resource, req.params.id)
      allow(ctx, ruleOf(verb, resource.noun), {})
    },
  }
}

export async function getRecord(
  ctx: Ctx,
  resource: Pick<RecordResource, 'kind' | 'noun'>,
  id: string,
): Promise<StoredRecord> {
  const record = await findRecord(ctx, resource.kind, id)
  if (record === undefined) throw notFound(resource.noun.replaceAll('_', ' '), id)
  return record
}

export function viewOf(
  ctx: Ctx,
  req: Req,
  resource: Pick<RecordResource, 'path' | 'show'>,
  record: StoredRecord,
): Body & { readonly id: string } {
  return {
    ...record.body,
    ...resource.show?.(ctx, req, record),
    id: record.id,
    links: {
      self: `${req.serviceUrl}${resource.path}/${encodeURIComponent(record.id)}`,
      ...linksOf(resource, ctx, req, record),
    },
  }
}

function linksOf(
  resource: Pick<RecordResource, 'show'>,
  ctx: Ctx,
  req: Req,
  record: StoredRecord,
): Body {
  const links = resource.show?.(ctx, req, record)['links']
  return typeof links === 'object' && links !== null ? { ...links } : {}
}

async function create(ctx: Ctx, req: Req, resource: RecordResource, id: string): Promise<unknown> {
  const prepared = await resource.prepare(ctx, wishOf(req, resource), undefined, id)
  const record = { ...prepared, id: prepared.id ?? id }
  await insertRecord(ctx, resource.kind, record, () => taken(resource, record))
  return { [resource.member]: viewOf(ctx, req, resource, record) }
}

async function show(ctx: Ctx, req: Req, resource: RecordResource, id: string): Promise<unknown> {
  return { [resource.member]: viewOf(ctx, req, resource, await getRecord(ctx, resource, id)) }
}

async function remove(ctx: Ctx, resource: RecordResource, id: string): Promise<void> {
  const record = await getRecord(ctx, resource, id)
  await resource.beforeDelete?.(ctx, record)
  await removeRecord(ctx, resource.kind, record.id)
}

async function update(ctx: Ctx, req: Req, resource: RecordResource, id: string): Promise<unknown> {
  const before = await getRecord(ctx, resource, id)
  const record = { ...(await resource.prepare(ctx, wishOf(req, resource), before, id)), id }
  await saveRecord(ctx, resource.kind, record, () => taken(resource, record))
  return { [resource.member]: viewOf(ctx, req, resource, record) }
}

async function list(ctx: Ctx, req: Req, resource: RecordResource): Promise<unknown> {
  const { filters, limit, marker } = listQuery(req.rawQuery, resource.filters, resource.flags)
  const records = (await listRecords(ctx, resource.kind))
    .filter((record) => marker === undefined || record.id > marker)
    .map((record) => viewOf(ctx, req, resource, record))
    .filter((view) => filters.every((filter) => passes(filter, view[filter.column])))
  return listBody(req, resource.collection, records, limit)
}

/** The object inside the body; the schema has checked that it is one. */
function wishOf(req: Req, resource: RecordResource): Body {
  const wish = (req.body as Readonly<Record<string, Body>>)[resource.member] ?? {}
  const { links: _links, ...rest } = wish
  return rest
}

function taken(resource: RecordResource, record: NewRecord): Error {
  return cloudError(
    'conflict',
    `Conflict occurred attempting to store ${resource.noun} - Duplicate entry: ${record.uniqueKey ?? record.id}.`,
  )
}
