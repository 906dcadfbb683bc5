import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { zonesByAggregate } from '../aggregates/store.ts'
import { listServices, type Service } from '../os-services/store.ts'

/** Where a host is that no aggregate puts elsewhere. */
export const DEFAULT_ZONE = 'nova'
/** Where the services are that run no servers. */
export const INTERNAL_ZONE = 'internal'

/** The zone a server on this host is in. */
export async function zoneOfHost(ctx: Ctx, host: string): Promise<string> {
  return (await zonesByAggregate(ctx)).get(host) ?? DEFAULT_ZONE
}

/** Each service with its zone. */
export async function withZones(
  ctx: Ctx,
  services: readonly Service[],
): Promise<readonly { readonly service: Service; readonly zone: string }[]> {
  const zones = await zonesByAggregate(ctx)
  return services.map((service) => ({
    service,
    zone:
      service.binary === 'nova-compute' ? (zones.get(service.host) ?? DEFAULT_ZONE) : INTERNAL_ZONE,
  }))
}

/** A zone with the services in it. */
export interface Zone {
  readonly name: string
  /** At least one of its services is enabled. */
  readonly available: boolean
  readonly services: readonly Service[]
}

/** Zones by name: those of hosts and the internal one. */
export async function listZones(ctx: Ctx): Promise<readonly Zone[]> {
  const byName = new Map<string, Service[]>()
  for (const { service, zone } of await withZones(ctx, await listServices(ctx))) {
    byName.set(zone, [...(byName.get(zone) ?? []), service])
  }
  return [...byName]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, services]) => ({
      name,
      services,
      available: services.some((service) => !service.disabled),
    }))
}
