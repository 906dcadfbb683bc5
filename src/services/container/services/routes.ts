import { Type } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { argumentsOf, argumentsOn } from '../wire/arguments.ts'
import { ruleOf } from '../wire/policy.ts'
import { BooleanLike, Text, toBoolean } from '../wire/schemas.ts'
import {
  changeService,
  deleteService,
  ensureService,
  listServices,
  type ServiceRow,
} from './store.ts'
import { zunTime, zunTimeOrNull } from '../wire/times.ts'

const Which = { host: Text(255, 1), binary: Text(255, 1) }
const Enable = Type.Object(Which)
const Disable = Type.Object({ ...Which, disabled_reason: Type.Optional(Text(255)) })
const ForceDown = Type.Object({ ...Which, forced_down: BooleanLike })

/** Hosts as the operator sees them: a disabled or forced-down one takes no new containers. */
export function serviceRoutes(deps: ContainerDeps): readonly Route[] {
  return [listRoute(deps), deleteRoute(), enableRoute(), disableRoute(), forceDownRoute()]
}

function listRoute(deps: ContainerDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/services',
    policy: ruleOf('zun-service:get_all'),
    summary: 'List the services of all hosts',
    handle: async (ctx) => {
      await ensureService(ctx, deps.hostName)
      const now = ctx.now().toISOString()
      return {
        services: (await listServices(ctx)).map((row) => view(row, deps, now)),
        next: null,
      }
    },
  })
}

function view(row: ServiceRow, deps: ContainerDeps, now: string): Record<string, unknown> {
  const here = row.host === deps.hostName
  return {
    id: row.number,
    binary: row.binary_name,
    host: row.host,
    availability_zone: deps.zone,
    state: here && row.forced_down === 0 ? 'up' : 'down',
    disabled: row.disabled === 1,
    disabled_reason: row.disabled_reason,
    forced_down: row.forced_down === 1,
    // this very process: it was seen up by who reads this, as Zun's own write themselves down each minute
    last_seen_up: here ? zunTime(now) : null,
    report_count: here ? Math.max(1, Math.floor(process.uptime() / 60)) : 0,
    created_at: zunTime(row.created_at),
    updated_at: zunTimeOrNull(here ? now : row.updated_at),
  }
}

function deleteRoute(): Route {
  return route({
    method: 'DELETE',
    path: '/v1/services',
    policy: ruleOf('zun-service:delete'),
    summary: 'Forget a service; one whose process runs registers anew',
    ...argumentsOn(Enable),
    status: 204,
    handle: async (ctx, req) => {
      const { host, binary } = argumentsOf(req, Enable)
      if (!(await deleteService(ctx, host, binary))) throw noService(host, binary)
    },
  })
}

function enableRoute(): Route {
  return route({
    ...onService('enable'),
    ...argumentsOn(Enable),
    handle: async (ctx, req) => {
      const { host, binary } = argumentsOf(req, Enable)
      const change = { disabled: 0, disabled_reason: null }
      if (!(await changeService(ctx, host, binary, change))) throw noService(host, binary)
      return { service: { host, binary, disabled: false, disabled_reason: null } }
    },
  })
}

function disableRoute(): Route {
  return route({
    ...onService('disable'),
    ...argumentsOn(Disable),
    handle: async (ctx, req) => {
      const { host, binary, disabled_reason: reason = null } = argumentsOf(req, Disable)
      const change = { disabled: 1, disabled_reason: reason }
      if (!(await changeService(ctx, host, binary, change))) throw noService(host, binary)
      return { service: { host, binary, disabled: true, disabled_reason: reason } }
    },
  })
}

function forceDownRoute(): Route {
  return route({
    ...onService('force_down'),
    ...argumentsOn(ForceDown),
    handle: async (ctx, req) => {
      const { host, binary, forced_down } = argumentsOf(req, ForceDown)
      const down = toBoolean(forced_down)
      if (!(await changeService(ctx, host, binary, { forced_down: down ? 1 : 0 })))
        throw noService(host, binary)
      return { service: { host, binary, forced_down: down } }
    },
  })
}

function onService(verb: 'enable' | 'disable' | 'force_down') {
  return {
    method: 'PUT',
    path: `/v1/services/${verb}`,
    policy: ruleOf(`zun-service:${verb}`),
    summary: `Service: ${verb}`,
  } as const
}

function noService(host: string, binary: string): Error {
  return cloudError('notFound', `Zun service ${binary} on host ${host} could not be found.`, {
    code: 'zun-service-not-found',
  })
}
