import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { stateOf } from '../os-services/schema.ts'
import { onlyQuery } from '../wire/query.ts'
import { novaTime } from '../wire/times.ts'
import { INTERNAL_ZONE, listZones, type Zone } from './zones.ts'

/** Which host is in which zone is the operator's affair. */
export const zonePolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-availability-zone:list': '@',
  'os_compute_api:os-availability-zone:detail': 'rule:admin',
}

/** Zones, and for operators their hosts. */
export function zoneRoutes(_deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/os-availability-zone',
      policy: 'os_compute_api:os-availability-zone:list',
      summary: 'List availability zones',
      handle: async (ctx, req) =>
        await view(
          ctx,
          req,
          (zone) => zone.name !== INTERNAL_ZONE,
          () => null,
        ),
    }),
    route({
      method: 'GET',
      path: '/v2.1/os-availability-zone/detail',
      policy: 'os_compute_api:os-availability-zone:detail',
      summary: 'List availability zones with their hosts',
      handle: async (ctx, req) =>
        await view(
          ctx,
          req,
          () => true,
          (zone) => hostsView(zone, ctx.now()),
        ),
    }),
  ]
}

async function view(
  ctx: Ctx,
  req: Req,
  shown: (zone: Zone) => boolean,
  hosts: (zone: Zone) => unknown,
): Promise<unknown> {
  onlyQuery(req, [])
  const zones = (await listZones(ctx)).filter(shown)
  return {
    availabilityZoneInfo: zones.map((zone) => ({
      zoneName: zone.name,
      zoneState: { available: zone.available },
      hosts: hosts(zone),
    })),
  }
}

/** host → service → is it used, does it live. */
function hostsView(zone: Zone, now: Date): Record<string, Record<string, unknown>> | null {
  if (!zone.available) return null
  const hosts: Record<string, Record<string, unknown>> = {}
  for (const service of zone.services) {
    hosts[service.host] = {
      ...hosts[service.host],
      [service.binary]: {
        available: stateOf(service) === 'up',
        active: !service.disabled,
        updated_at: novaTime(now.toISOString()),
      },
    }
  }
  return hosts
}
