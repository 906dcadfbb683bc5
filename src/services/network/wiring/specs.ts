import { fromJson } from '../../../kernel/db/db.ts'
import type {
  ExternalSpec,
  NetworkSpec,
  PortSpec,
  QosSpec,
  RouterSpec,
  SecurityGroupRuleSpec,
  SecurityGroupSpec,
} from '../../../ports/network.ts'
import { parseIp } from '../addressing/address.ts'
import { contains, formatCidr, parseCidr } from '../addressing/cidr.ts'
import type { Pair } from '../ports/schema.ts'
import type { PublishedPort } from '../published-ports/choose.ts'
import type { Leg } from '../routers/store.ts'
import { matchedNumber } from '../security-groups/protocols.ts'
import type { Route } from '../subnets/schema.ts'
import type {
  FloatingIpTable,
  NetworkTable,
  RouterTable,
  RuleTable,
  SubnetTable,
} from '../tables.ts'
import type { RouterExtra } from './router-extras.ts'
import type { PlacedAddress, PortWithMtu } from './store.ts'

/** Rows turned into what the network port wants to hear; pure. */

export function networkSpecOf(network: NetworkTable, subnets: readonly SubnetTable[]): NetworkSpec {
  return {
    id: network.id,
    mtu: network.mtu,
    adminUp: network.admin_up === 1,
    subnets: subnets.map(({ id, cidr, gateway }) => ({
      id,
      cidr,
      ...(gateway === null ? {} : { gateway }),
    })),
  }
}

/** The provider's side is as many subnets as have a gateway; undefined as long as there is none. */
export function externalSpecOf(
  network: NetworkTable,
  subnets: readonly SubnetTable[],
): ExternalSpec | undefined {
  const whole = subnets.flatMap(({ cidr, gateway }) =>
    gateway === null ? [] : [{ cidr, gateway }],
  )
  if (whole.length === 0) return undefined
  return { networkId: network.id, mtu: network.mtu, subnets: whole }
}

const prefixOf = (cidr: string): number => Number(cidr.split('/')[1] ?? 0)

export function portSpecOf(
  port: PortWithMtu,
  addresses: readonly PlacedAddress[],
  groups: readonly SecurityGroupSpec[],
): PortSpec {
  return {
    id: port.id,
    networkId: port.network_id,
    mac: port.mac,
    mtu: port.mtu,
    adminUp: port.admin_up === 1 && port.network_up === 1,
    addresses: addresses.map(({ address, cidr, gateway }) => ({
      address,
      prefix: prefixOf(cidr),
      ...(gateway === null ? {} : { gateway }),
    })),
    routes: addresses.flatMap(({ routes }) => fromJson<Route[]>(routes)),
    portSecurity: port.port_security === 1,
    securityGroups: groups,
    published: fromJson<PublishedPort[]>(port.published),
    allowedPairs: fromJson<Pair[]>(port.pairs).flatMap(({ ip_address, mac_address }) => {
      const cidr = parseCidr(ip_address)
      return cidr === undefined ? [] : [{ mac: mac_address, cidr: formatCidr(cidr) }]
    }),
  }
}

/** `members`: addresses of the ports of each group that a rule names, and of the group itself; what address groups hold. */
export function groupSpecOf(
  id: string,
  rules: readonly RuleTable[],
  members: ReadonlyMap<string, readonly string[]>,
  stateful = true,
): SecurityGroupSpec {
  return {
    id,
    ...(stateful ? {} : { stateful }),
    members: members.get(id) ?? [],
    rules: rules.map((rule) => ruleSpecOf(rule, members)),
  }
}

function ruleSpecOf(
  rule: RuleTable,
  members: ReadonlyMap<string, readonly string[]>,
): SecurityGroupRuleSpec {
  const protocol = matchedNumber(rule)
  const remote = rule.remote_group ?? rule.remote_addresses
  const cidr = rule.remote_cidr === null ? undefined : parseCidr(rule.remote_cidr)
  return {
    direction: rule.direction,
    ethertype: rule.ethertype,
    ...(protocol === undefined ? {} : { protocol }),
    ...(rule.port_min === null ? {} : { portMin: rule.port_min }),
    ...(rule.port_max === null ? {} : { portMax: rule.port_max }),
    ...(cidr === undefined ? {} : { remoteCidr: formatCidr(cidr) }),
    ...(remote === null ? {} : { remoteMembers: members.get(remote) ?? [] }),
  }
}

type Part = RouterSpec['interfaces'][number] & { readonly owner: string }

/** One entry per port, with all its addresses. */
function partsOf(legs: readonly Leg[]): readonly Part[] {
  const ports = [...Map.groupBy(legs, ({ port_id }) => port_id).values()]
  return ports.flatMap((own) => {
    const [first] = own
    if (first === undefined) return []
    return [
      {
        owner: first.owner,
        portId: first.port_id,
        networkId: first.network_id,
        mac: first.mac,
        addresses: own.map(({ address, cidr }) => ({ address, prefix: prefixOf(cidr) })),
      },
    ]
  })
}

/** Per family the gateway of the subnet that the router's first address of this family is in. */
function gatewaysFor(
  addresses: readonly { readonly address: string }[],
  outer: ExternalSpec,
): readonly string[] {
  const gateways = new Map<number, string>()
  for (const { address } of addresses) {
    const ip = parseIp(address)
    const subnet = outer.subnets.find(({ cidr }) => {
      const range = parseCidr(cidr)
      return ip !== undefined && range !== undefined && contains(range, ip)
    })
    if (ip !== undefined && subnet !== undefined && !gateways.has(ip.version))
      gateways.set(ip.version, subnet.gateway)
  }
  return [...gateways.values()]
}

const limits = (qos: QosSpec | undefined): { readonly qos?: QosSpec } =>
  qos === undefined ? {} : { qos }

/** `outer` is the external network's specification: without one the router has no way out yet. */
export function routerSpecOf(
  router: RouterTable,
  legs: readonly Leg[],
  floating: readonly FloatingIpTable[],
  outer: ExternalSpec | undefined,
  { conntrackHelpers, ...extra }: RouterExtra = {},
): RouterSpec {
  const parts = partsOf(legs)
  const out = parts.find(({ owner }) => owner === 'network:router_gateway')
  return {
    id: router.id,
    adminUp: router.admin_up === 1,
    interfaces: parts
      .filter(({ owner }) => owner === 'network:router_interface')
      .map(({ owner: _owner, ...leg }) => leg),
    routes: fromJson<Route[]>(router.routes),
    ...(conntrackHelpers === undefined ? {} : { conntrackHelpers }),
    ...(out === undefined || outer === undefined
      ? { floatingIps: [] }
      : outwards(router, out, floating, outer, extra)),
  }
}

type Outwards = Pick<
  RouterSpec,
  'external' | 'floatingIps' | 'portForwardings' | 'metering' | 'ndpProxies'
>

/** What a router has of its way out. */
function outwards(
  router: RouterTable,
  out: Part,
  floating: readonly FloatingIpTable[],
  outer: ExternalSpec,
  { qos, routed, portForwardings, ...extra }: Omit<RouterExtra, 'conntrackHelpers'>,
): Outwards {
  return {
    external: {
      networkId: out.networkId,
      mac: out.mac,
      addresses: out.addresses,
      gateways: gatewaysFor(out.addresses, outer),
      snat: router.snat === 1,
      ...limits(qos?.get(router.id)),
      ...(routed === undefined ? {} : { routed }),
    },
    floatingIps: floating.flatMap(({ id, address, fixed_address: fixed }) =>
      fixed === null ? [] : [{ id, floating: address, fixed, ...limits(qos?.get(id)) }],
    ),
    ...forwardingsWithin(floating, qos, portForwardings),
    ...extra,
  }
}

/** All forwardings of a floating address share its limits. */
function forwardingsWithin(
  floating: readonly FloatingIpTable[],
  qos: RouterExtra['qos'],
  forwardings: RouterExtra['portForwardings'],
): Pick<Outwards, 'portForwardings'> {
  if (forwardings === undefined) return {}
  const ids = new Map(floating.map(({ id, address }) => [address, id]))
  return {
    portForwardings: forwardings.map((each) => ({
      ...each,
      ...limits(qos?.get(ids.get(each.floating) ?? '')),
    })),
  }
}
