import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { withZones } from '../availability-zones/zones.ts'
import type { ComputeDeps } from '../deps.ts'
import { serversOnHost } from '../servers/store.ts'
import { onlyQuery, queryText } from '../wire/query.ts'
import { toBoolean } from '../wire/schemas.ts'
import { ServiceNamed, ServiceForced, ServiceReason, ServiceUpdate, serviceView } from './schema.ts'
import {
  deleteService,
  ensureServices,
  listServices,
  updateService,
  type Service,
  type ServiceChange,
} from './store.ts'

/** All for admins, as Nova has it. */
export const servicePolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-services:list': 'rule:admin',
  'os_compute_api:os-services:update': 'rule:admin',
  'os_compute_api:os-services:delete': 'rule:admin',
}

const all = '/v2.1/os-services'
const old = { method: 'PUT', until: '2.52', policy: 'os_compute_api:os-services:update' } as const

/** Up to 2.52 a service is named by host and binary in the body, after that by its UUID in the path. */
export function serviceRoutes(deps: ComputeDeps): readonly Route[] {
  return [...routesByName(), ...routesById(deps)]
}

function routesByName(): readonly Route[] {
  return [
    route({
      ...old,
      path: `${all}/enable`,
      body: ServiceNamed,
      summary: 'Enable a service',
      handle: async (ctx, req) => await change(ctx, req.body, enabled, { status: 'enabled' }),
    }),
    route({
      ...old,
      path: `${all}/disable`,
      body: ServiceNamed,
      summary: 'Disable a service',
      handle: async (ctx, req) =>
        await change(ctx, req.body, { disabled: true }, { status: 'disabled' }),
    }),
    route({
      ...old,
      path: `${all}/disable-log-reason`,
      body: ServiceReason,
      summary: 'Disable a service and say why',
      handle: async (ctx, req) => await disableWithReason(ctx, req.body, req.body.disabled_reason),
    }),
    route({
      ...old,
      since: '2.11',
      path: `${all}/force-down`,
      body: ServiceForced,
      summary: 'Declare a service down',
      handle: async (ctx, req) => await forceDown(ctx, req.body, toBoolean(req.body.forced_down)),
    }),
  ]
}

function routesById(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      policy: 'os_compute_api:os-services:list',
      summary: 'List the compute services',
      handle: list,
    }),
    route({
      method: 'PUT',
      path: `${all}/:id`,
      since: '2.53',
      policy: 'os_compute_api:os-services:update',
      body: ServiceUpdate,
      summary: 'Enable, disable or force down a service',
      handle: async (ctx, req) => await update(ctx, req, req.body),
    }),
    route({
      method: 'DELETE',
      path: `${all}/:id`,
      policy: 'os_compute_api:os-services:delete',
      summary: 'Delete a service',
      handle: async (ctx, req) => await remove(ctx, deps, req),
    }),
  ]
}

async function list(ctx: Ctx, req: Req): Promise<unknown> {
  onlyQuery(req, ['host', 'binary'])
  const host = queryText(req, 'host')
  const binary = queryText(req, 'binary')
  const fitting = (await listServices(ctx)).filter(
    (service) =>
      (host === undefined || service.host === host) &&
      (binary === undefined || service.binary === binary),
  )
  return { services: await viewsOf(ctx, req, fitting) }
}

async function viewsOf(
  ctx: Ctx,
  req: Req,
  services: readonly Service[],
): Promise<readonly unknown[]> {
  return (await withZones(ctx, services)).map(({ service, zone }) =>
    serviceView(req.version, service, zone, ctx.now()),
  )
}

const enabled: ServiceChange = { disabled: false, disabledReason: null }

interface ServiceName {
  readonly host: string
  readonly binary: string
}

async function disableWithReason(ctx: Ctx, name: ServiceName, reason: string): Promise<unknown> {
  const told = { status: 'disabled', disabled_reason: reason }
  return await change(ctx, name, { disabled: true, disabledReason: reason }, told)
}

async function forceDown(ctx: Ctx, name: ServiceName, forcedDown: boolean): Promise<unknown> {
  return await change(ctx, name, { forcedDown }, { forced_down: forcedDown })
}

/** The older requests name a service by host and binary and answer only what they changed. */
async function change(
  ctx: Ctx,
  name: ServiceName,
  wish: ServiceChange,
  told: Record<string, unknown>,
): Promise<unknown> {
  const service = (await listServices(ctx)).find(
    ({ host, binary }) => host === name.host && binary === name.binary,
  )
  if (service === undefined)
    throw cloudError('notFound', `Could not find binary ${name.binary} on host ${name.host}.`)
  await updateService(ctx, service.uuid, wish)
  return { service: { host: service.host, binary: service.binary, ...told } }
}

async function getService(ctx: Ctx, req: Req): Promise<Service> {
  const { id } = req.params as { id: string } // asked only where the path has :id
  const byUuid = atLeast(req.version, '2.53')
  if (!(byUuid ? /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i : /^\d+$/).test(id)) {
    throw cloudError(
      'badRequest',
      `Invalid service id ${id.slice(0, 60)}: it must be ${byUuid ? 'a UUID' : 'a whole number'} in this API version.`,
    )
  }
  const service = (await listServices(ctx)).find(
    ({ number, uuid }) => id.toLowerCase() === (byUuid ? uuid : String(number)),
  )
  if (service === undefined) throw cloudError('notFound', `Service ${id} could not be found.`)
  return service
}

async function update(
  ctx: Ctx,
  req: Req,
  body: {
    readonly status?: 'enabled' | 'disabled'
    readonly disabled_reason?: string
    readonly forced_down?: boolean | string | number
  },
): Promise<unknown> {
  const service = await getService(ctx, req)
  if (service.binary !== 'nova-compute')
    throw cloudError(
      'badRequest',
      `Updating a ${service.binary} service is not supported. Only nova-compute services can be updated.`,
    )
  if (body.status === undefined && body.forced_down === undefined)
    throw cloudError(
      'badRequest',
      'No updates were requested. Fields "status" or "forced_down" should be specified.',
    )
  if (body.disabled_reason !== undefined && body.status !== 'disabled')
    throw cloudError('badRequest', 'Specifying disabled_reason requires that status is "disabled".')
  await updateService(ctx, service.uuid, {
    ...(body.status === undefined
      ? {}
      : { disabled: body.status === 'disabled', disabledReason: body.disabled_reason ?? null }),
    ...(body.forced_down === undefined ? {} : { forcedDown: toBoolean(body.forced_down) }),
  })
  const [view] = await viewsOf(ctx, req, [await getService(ctx, req)])
  return { service: view }
}

async function remove(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  const service = await getService(ctx, req)
  if (service.binary === 'nova-compute' && (await serversOnHost(ctx, service.host)).length > 0) {
    throw cloudError(
      'conflict',
      'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
    )
  }
  await deleteService(ctx, service.uuid)
  if (service.host === deps.hostName) await ensureServices(ctx, deps.hostName)
  return reply(204)
}
