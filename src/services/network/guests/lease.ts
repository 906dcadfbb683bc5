import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import {
  GUEST_SERVICE_ADDRESS,
  type Lease,
  type Lease6,
  type LeaseAsker,
  type LeaseAsker6,
} from '../../../ports/guest-services.ts'
import { macOfLinkLocal } from '../addressing/address.ts'
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
  const own = await served(ctx, networkId, asker.mac, 4)
  const chosen = own.find(({ address }) => address === asker.requested) ?? own[0]
  return chosen === undefined ? undefined : leaseOf(chosen, cloudDomain)
}

/** A port's own addresses in subnets that give them by DHCPv6, and what goes with those and with `dhcpv6-stateless` ones. */
export async function lease6For(
  ctx: Ctx,
  cloudDomain: string,
  networkId: string,
  asker: LeaseAsker6,
): Promise<Lease6 | undefined> {
  const proven = macOfLinkLocal(asker.address)
  const mac = proven ?? asker.mac
  const all = mac === undefined ? [] : await served(ctx, networkId, mac, 6)
  // A guarded port speaks from the address that its MAC makes, so who asks from another and says that MAC is not it.
  const its = all.filter((at) => proven !== undefined || at.port_security === 0)
  const own = its.filter((at) => isStateful(at) || at.address_mode === 'dhcpv6-stateless')
  const [first] = own
  if (first === undefined) return undefined
  return {
    ...configuration(first, cloudDomain, 6),
    dns: [...new Set(own.flatMap(({ dns }) => serversOf(dns, 6)))],
    addresses: own.filter(isStateful).map(({ address }) => address),
  }
}

/** As Neutron's DHCP agent has it: without any mode addresses are given too; where a router advertises alone they are not. */
const isStateful = ({ ra_mode, address_mode }: Leasable): boolean =>
  address_mode === 'dhcpv6-stateful' || (address_mode === null && ra_mode === null)

/** Nothing where an admin has taken the network off its DHCP agent. */
async function served(
  ctx: Ctx,
  networkId: string,
  mac: string,
  version: 4 | 6,
): Promise<readonly Leasable[]> {
  const own = await leasable(ctx, networkId, mac, version)
  const networks = own.slice(0, 1).map(({ host }) => ({ id: networkId, host }))
  return (await unserved(ctx, 'DHCP agent', networks)).has(networkId) ? [] : own
}

function leaseOf(at: Leasable, cloudDomain: string): Lease {
  return {
    ...configuration(at, cloudDomain, 4),
    address: at.address,
    prefix: Number(at.cidr.split('/')[1]),
    ...(at.gateway === null ? {} : { gateway: at.gateway }),
    routes: [
      ...fromJson<Route[]>(at.routes),
      // 0.0.0.0: on the link itself
      { destination: `${GUEST_SERVICE_ADDRESS[4]}/32`, nexthop: '0.0.0.0' },
    ],
    dns: serversOf(at.dns, 4),
    hostname: at.dns_name === '' ? nameOfAddress(at.address) : (at.dns_name.split('.')[0] ?? ''),
    mtu: at.mtu,
  }
}

function configuration(
  at: Leasable,
  cloudDomain: string,
  version: 4 | 6,
): Pick<Lease, 'domain' | 'seconds' | 'options'> {
  return {
    domain: at.network_domain === '' ? cloudDomain : at.network_domain.replace(/\.$/, ''),
    seconds: LEASE_SECONDS,
    options: fromJson<DhcpOption[]>(at.dhcp_opts)
      .filter(({ ip_version }) => ip_version === version)
      .map(({ opt_name, opt_value }) => ({ name: opt_name, value: opt_value })),
  }
}

const serversOf = (dns: string, version: 4 | 6): string[] =>
  nameServersOf(dns, version).filter((server) => server.includes(':') === (version === 6))
