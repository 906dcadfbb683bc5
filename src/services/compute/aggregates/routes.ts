import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { hostsOf } from '../os-services/store.ts'
import { serversOnHost } from '../servers/store.ts'
import {
  AggregateUpdate,
  aggregateView,
  CacheImages,
  HostOnly,
  NewAggregate,
  newAggregateView,
  NewMetadata,
  ZONE_KEY,
  type Aggregate,
} from './schema.ts'
import {
  addHost,
  deleteAggregate,
  getAggregate,
  insertAggregate,
  listAggregates,
  removeHost,
  renameAggregate,
  touchAggregate,
  writeMetadata,
} from './store.ts'

const verbs = [
  'index',
  'show',
  'create',
  'update',
  'delete',
  'add_host',
  'remove_host',
  'set_metadata',
  'images',
] as const
const policy = (verb: (typeof verbs)[number]): string => `os_compute_api:os-aggregates:${verb}`

/** All for admins, as Nova has it. */
export const aggregatePolicies: Readonly<Record<string, string>> = Object.fromEntries(
  verbs.map((verb) => [policy(verb), 'rule:admin']),
)

const all = '/v2.1/os-aggregates'
const one = `${all}/:id`
const action = { method: 'POST', path: `${one}/action` } as const

/** Groups of hosts, by which operators make availability zones. */
export function aggregateRoutes(_deps: ComputeDeps): readonly Route[] {
  return [...readRoutes(), ...writeRoutes(), ...actionRoutes(), ...imageRoutes()]
}

function readRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      policy: policy('index'),
      summary: 'List aggregates',
      handle: async (ctx, req) => ({
        aggregates: (await listAggregates(ctx)).map((aggregate) => aggregateView(req, aggregate)),
      }),
    }),
    route({
      method: 'GET',
      path: one,
      policy: policy('show'),
      summary: 'Show an aggregate',
      handle: async (ctx, req) => ({ aggregate: aggregateView(req, await aggregateIn(ctx, req)) }),
    }),
  ]
}

function writeRoutes(): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: all,
      policy: policy('create'),
      body: NewAggregate,
      summary: 'Create an aggregate',
      handle: async (ctx, req) => await create(ctx, req, req.body.aggregate),
    }),
    route({
      method: 'PUT',
      path: one,
      policy: policy('update'),
      body: AggregateUpdate,
      summary: "Change an aggregate's name or zone",
      handle: async (ctx, req) => await update(ctx, req, req.body.aggregate),
    }),
    route({
      method: 'DELETE',
      path: one,
      policy: policy('delete'),
      summary: 'Delete an empty aggregate',
      handle: remove,
    }),
  ]
}

function actionRoutes(): readonly Route[] {
  return [
    route({
      ...action,
      action: 'add_host',
      policy: policy('add_host'),
      body: HostOnly,
      summary: 'Add a host',
      handle: async (ctx, req) => await takeHost(ctx, req, req.body.host),
    }),
    route({
      ...action,
      action: 'remove_host',
      policy: policy('remove_host'),
      body: HostOnly,
      summary: 'Remove a host',
      handle: async (ctx, req) => await dropHost(ctx, req, req.body.host),
    }),
    route({
      ...action,
      action: 'set_metadata',
      policy: policy('set_metadata'),
      body: NewMetadata,
      summary: 'Set metadata',
      handle: async (ctx, req) => await setMetadata(ctx, req, req.body.metadata),
    }),
  ]
}

function imageRoutes(): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: `${one}/images`,
      since: '2.81',
      policy: policy('images'),
      body: CacheImages,
      summary: 'Cache images on the hosts',
      handle: async (ctx, req) => {
        await aggregateIn(ctx, req)
        throw cloudError(
          'badRequest',
          'Images are loaded into the engine when the first server asks for them; they cannot be cached ahead.',
        )
      },
    }),
  ]
}

const aggregateIn = async (ctx: Ctx, req: Req): Promise<Aggregate> =>
  await getAggregate(ctx, (req.params as { id: string }).id) // asked only where the path has :id

async function create(
  ctx: Ctx,
  req: Req,
  wish: { readonly name: string; readonly availability_zone?: string | null },
): Promise<unknown> {
  const zone = wish.availability_zone ?? null
  return {
    aggregate: newAggregateView(
      req,
      await insertAggregate(ctx, wish.name, zone === null ? {} : { [ZONE_KEY]: zone }),
    ),
  }
}

async function update(
  ctx: Ctx,
  req: Req,
  wish: { readonly name?: string; readonly availability_zone?: string | null },
): Promise<unknown> {
  const aggregate = await aggregateIn(ctx, req)
  const zone = wish.availability_zone
  if (zone !== undefined) await mustMayMove(ctx, aggregate, zone)
  return await changed(ctx, req, aggregate, async (tx) => {
    if (wish.name !== undefined) await renameAggregate(tx, aggregate.number, wish.name)
    if (zone !== undefined) await writeMetadata(tx, aggregate.number, { [ZONE_KEY]: zone })
  })
}

async function setMetadata(
  ctx: Ctx,
  req: Req,
  metadata: Readonly<Record<string, string | null>>,
): Promise<unknown> {
  const aggregate = await aggregateIn(ctx, req)
  const zone = metadata[ZONE_KEY]
  if (zone !== undefined) await mustMayMove(ctx, aggregate, zone)
  return await changed(
    ctx,
    req,
    aggregate,
    async (tx) => await writeMetadata(tx, aggregate.number, metadata),
  )
}

async function remove(ctx: Ctx, req: Req): Promise<unknown> {
  const aggregate = await aggregateIn(ctx, req)
  if (aggregate.hosts.length > 0)
    throw cloudError(
      'badRequest',
      `Cannot delete aggregate ${aggregate.number}: it is not empty; remove its hosts first.`,
    )
  await deleteAggregate(ctx, aggregate.number)
  return reply(200)
}

async function takeHost(ctx: Ctx, req: Req, host: string): Promise<unknown> {
  const aggregate = await aggregateIn(ctx, req)
  if (!(await hostsOf(ctx)).includes(host))
    throw cloudError('notFound', `Compute host ${host} could not be found.`)
  if (aggregate.hosts.includes(host))
    throw cloudError(
      'conflict',
      `Host ${host} is already a member of aggregate ${aggregate.number}.`,
    )
  const zone = aggregate.metadata[ZONE_KEY]
  if (zone !== undefined) {
    await mustShareZone(ctx, aggregate, [host], zone)
    await mustBeIdle(ctx, [host], zone)
  }
  return await changed(ctx, req, aggregate, async (tx) => await addHost(tx, aggregate.number, host))
}

async function dropHost(ctx: Ctx, req: Req, host: string): Promise<unknown> {
  const aggregate = await aggregateIn(ctx, req)
  if (!aggregate.hosts.includes(host))
    throw cloudError('notFound', `Aggregate ${aggregate.number} has no host ${host}.`)
  if (aggregate.metadata[ZONE_KEY] !== undefined) await mustBeIdle(ctx, [host], null)
  return await changed(
    ctx,
    req,
    aggregate,
    async (tx) => await removeHost(tx, aggregate.number, host),
  )
}

async function changed(
  ctx: Ctx,
  req: Req,
  { number }: Aggregate,
  work: (tx: Ctx) => Promise<void>,
): Promise<unknown> {
  return await inTx(ctx, async (tx) => {
    await work(tx)
    await touchAggregate(tx, number)
    return { aggregate: aggregateView(req, await getAggregate(tx, String(number))) }
  })
}

async function mustMayMove(ctx: Ctx, aggregate: Aggregate, zone: string | null): Promise<void> {
  if ((aggregate.metadata[ZONE_KEY] ?? null) === zone) return
  if (zone !== null) await mustShareZone(ctx, aggregate, aggregate.hosts, zone)
  await mustBeIdle(ctx, aggregate.hosts, zone)
}

/** A host is in one zone: all its aggregates that name one must name the same. */
async function mustShareZone(
  ctx: Ctx,
  aggregate: Aggregate,
  hosts: readonly string[],
  zone: string,
): Promise<void> {
  const others = (await listAggregates(ctx)).filter(
    (other) =>
      other.number !== aggregate.number &&
      other.metadata[ZONE_KEY] !== undefined &&
      other.metadata[ZONE_KEY] !== zone,
  )
  const host = hosts.find((name) => others.some((other) => other.hosts.includes(name)))
  if (host !== undefined)
    throw cloudError('conflict', `Host ${host} already in another availability zone.`)
}

/** Servers that asked for a zone must stay in it. */
async function mustBeIdle(ctx: Ctx, hosts: readonly string[], zone: string | null): Promise<void> {
  for (const host of hosts) {
    const bound = (await serversOnHost(ctx, host)).find(
      (server) => server.zone !== null && server.zone !== zone,
    )
    if (bound !== undefined)
      throw cloudError(
        'conflict',
        `Host ${host} has servers that asked for availability zone ${bound.zone}: delete or move them first.`,
      )
  }
}
