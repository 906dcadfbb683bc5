import { randomUUID } from 'node:crypto'
import type { NetworkBed } from './network-bed.ts'
import type { GuestServices } from '../guest-services.ts'
import type {
  ExternalSpec,
  PortSpec,
  RouterGatewaySpec,
  RouterSpec,
  SecurityGroupSpec,
} from '../network.ts'

/** Wishes that tests begin with. */
export const allowAll: SecurityGroupSpec['rules'] = (['ingress', 'egress'] as const).flatMap(
  (direction) => (['IPv4', 'IPv6'] as const).map((ethertype) => ({ direction, ethertype })),
)

export function groupSpec(
  rules: SecurityGroupSpec['rules'],
  members: readonly string[] = [],
): SecurityGroupSpec {
  return { id: randomUUID(), rules, members }
}

let lastMac = 0
export const nextMac = (): string =>
  `fa:16:3e:00:${(lastMac >> 8).toString(16).padStart(2, '0')}:${(lastMac++ & 255).toString(16).padStart(2, '0')}`

export function portSpec(
  networkId: string,
  address: string,
  more: Partial<PortSpec> = {},
): PortSpec {
  return {
    id: randomUUID(),
    networkId,
    mac: nextMac(),
    mtu: 1400,
    adminUp: true,
    addresses: [{ address, prefix: 24, gateway: address.replace(/\.\d+$/, '.1') }],
    routes: [],
    portSecurity: true,
    securityGroups: [groupSpec(allowAll)],
    allowedPairs: [],
    ...more,
  }
}

export function routerSpec(more: Partial<RouterSpec> = {}): RouterSpec {
  return { id: randomUUID(), adminUp: true, interfaces: [], floatingIps: [], routes: [], ...more }
}

/** Services that know nothing. */
export const deaf: GuestServices = {
  metadata: (socket) => socket.destroy(),
  resolve: async () => await Promise.resolve({ kind: 'noSuchName' }),
  lease: async () => await Promise.resolve(undefined),
  lease6: async () => await Promise.resolve(undefined),
}

export const networkSpec = (id: string, cidr = '10.0.0.0/24') => ({
  id,
  mtu: 1400,
  subnets: [{ id: randomUUID(), cidr, gateway: cidr.replace(/\.0\/24$/, '.1') }],
})

export const externalSpec = (
  networkId: string,
  { cidr, gateway }: { readonly cidr: string; readonly gateway: string },
): ExternalSpec => ({ networkId, mtu: 1400, subnets: [{ cidr, gateway }] })

export const gatewaySpec = (
  networkId: string,
  external: NetworkBed['external'],
  address = external.address,
): RouterGatewaySpec => ({
  networkId,
  mac: nextMac(),
  gateways: [external.gateway],
  snat: true,
  addresses: [{ address, prefix: Number(external.cidr.split('/')[1]) }],
})

export const legSpec = (networkId: string, address: string): RouterSpec['interfaces'][number] => ({
  portId: randomUUID(),
  networkId,
  mac: nextMac(),
  addresses: [{ address, prefix: 24 }],
})
