import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import {
  GUEST_SERVICE_ADDRESS,
  type Lease,
  type LeaseAsker,
} from '../../../ports/guest-services.ts'
import { unserved } from '../agents/store.ts'
import { nameOfAddress } from '../dns/names.ts'
import type { DhcpOption } from '../ports/schema.ts'
import type { Route } from '../subnets/schema.ts'
import { nameServersOf } from './name-servers.ts'
import { leasable, type Leasable } from './store.ts'

/** Neutron's default `dhcp_lease_duration`. */
const LEASE_SECONDS = 86_400

/** A port's own address, for who asks with its MAC; undefined for strangers and where DHCP is off. */
export async function leaseFor(
  ctx: Ctx,
  cloudDomain: string,
  networkId: string,
  asker: LeaseAsker,
): Promise<Lease | undefined> {
  const own = await leasable(ctx, networkId, asker.mac)
  // an admin may have taken the network off its DHCP agent
  const networks = own.slice(0, 1).map(({ host }) => ({ id: networkId, host }))
  if ((await unserved(ctx, 'DHCP agent', networks)).has(networkId)) return undefined
  const chosen = own.find(({ address }) => address === asker.requested) ?? own[0]
  return chosen === undefined ? undefined : leaseOf(chosen, cloudDomain)
}

function leaseOf(at: Leasable, cloudDomain: string): Lease {
  return {
    address: at.address,
    prefix: Number(at.cidr.split('/')[1]),
    ...(at.gateway === null ? {} : { gateway: at.gateway }),
    routes: [
      ...fromJson<Route[]>(at.routes),
      // 0.0.0.0: on the link itself
      { destination: `${GUEST_SERVICE_ADDRESS[4]}/32`, nexthop: '0.0.0.0' },
    ],
    dns: nameServersOf(at.dns, 4).filter((server) => !server.includes(':')),
    domain: at.network_domain === '' ? cloudDomain : at.network_domain.replace(/\.$/, ''),
    hostname: at.dns_name === '' ? nameOfAddress(at.address) : (at.dns_name.split('.')[0] ?? ''),
    mtu: at.mtu,
    seconds: LEASE_SECONDS,
    options: fromJson<DhcpOption[]>(at.dhcp_opts)
      .filter(({ ip_version }) => ip_version === 4)
      .map(({ opt_name, opt_value }) => ({ name: opt_name, value: opt_value })),
  }
}
