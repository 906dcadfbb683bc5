import type { PortForwardingSpec, RouterGatewaySpec, RouterSpec } from '../../ports/network.ts'
import { canonical, cover, familyOf, networkOf, rangeOf } from './addresses.ts'
import { METADATA_ADDRESS } from './filters.ts'
import { gatewayLeg, routerLeg, ROUTER_METADATA_PORT } from './names.ts'
import type { NftMap, NftTable } from './nft-tables.ts'

/**
 * A router's nftables rules, whole; pure. Floating addresses and forwarded ports are maps, so that any number of them costs
 * one look-up. Inward only the destination is rewritten: security groups see who is really calling. A tenant who calls a
 * floating address of his own network gets the router's address as source, or the answer would go past the router.
 */
export function routerTables(spec: RouterSpec): readonly NftTable[] {
  return [natTable(spec), natTable6(spec), guardTable(spec)]
}

/** Nothing passes a router that is down, and it answers nobody. */
function guardTable(spec: RouterSpec): NftTable {
  const policy = `policy ${spec.adminUp ? 'accept' : 'drop'};`
  return {
    name: 'inet guard',
    maps: [],
    chains: [
      {
        name: 'forward',
        base: `type filter hook forward priority 0; ${policy}`,
        rules: ['ip daddr 169.254.0.0/16 drop'],
      },
      {
        name: 'input',
        base: `type filter hook input priority 0; ${policy}`,
        // Only what was redirected: whoever called a leg's address himself would choose which network he seems to be in.
        rules: [
          `tcp dport ${ROUTER_METADATA_PORT} ct original ip daddr ${METADATA_ADDRESS} accept`,
          `tcp dport ${ROUTER_METADATA_PORT} drop`,
        ],
      },
    ],
  }
}

function natTable(spec: RouterSpec): NftTable {
  const floating = spec.external === undefined ? [] : spec.floatingIps.filter(isV4)
  const pairs = floating.map((each) => [canonical(each.floating), canonical(each.fixed)] as const)
  const swapped = pairs.map(([outside, inside]) => [inside, outside] as const)
  const forwardings = spec.external === undefined ? [] : (spec.portForwardings ?? [])
  const key = 'ip daddr . ip protocol . th dport'
  return {
    name: 'ip nat',
    maps: [
      addressMap('fip_dnat', pairs),
      addressMap('fip_snat', swapped),
      portMap('pf_dnat', 'ipv4_addr . inet_service', forwardings.flatMap(rewritten)),
      portMap('pf_keep', 'ipv4_addr', forwardings.flatMap(kept)),
    ],
    chains: [
      {
        name: 'pre',
        base: 'type nat hook prerouting priority -100; policy accept;',
        rules: [
          `iifname "qr-*" ip daddr ${METADATA_ADDRESS} tcp dport 80 redirect to :${ROUTER_METADATA_PORT}`,
          `dnat ip to ${key} map @pf_dnat`,
          `dnat to ${key} map @pf_keep`,
          'dnat to ip daddr map @fip_dnat',
        ],
      },
      {
        name: 'post',
        base: 'type nat hook postrouting priority 100; policy accept;',
        rules: [...outwardRules(spec), ...hairpinRules(spec)],
      },
    ],
  }
}

/** Floating addresses are IPv4's; what goes out in IPv6 is translated only for want of a way back. */
function natTable6(spec: RouterSpec): NftTable {
  const { external } = spec
  const own = external === undefined ? undefined : translationAddress(external, 6)
  const rules =
    external === undefined || own === undefined
      ? []
      : [...untranslated(spec, external, 6), `oifname "${gatewayLeg(spec.id)}" snat to ${own}`]
  return {
    name: 'ip6 nat',
    maps: [],
    chains: [
      { name: 'post', base: 'type nat hook postrouting priority 100; policy accept;', rules },
    ],
  }
}

const isV4 = (each: RouterSpec['floatingIps'][number]): boolean =>
  familyOf(each.floating) === 4 && familyOf(each.fixed) === 4

function addressMap(name: string, pairs: readonly (readonly [string, string])[]): NftMap {
  const unique = [...new Map(pairs)]
  return {
    name,
    type: 'ipv4_addr : ipv4_addr',
    intervals: false,
    elements: unique.map(([key, value]) => `${key} : ${value}`),
  }
}

const portMap = (name: string, value: string, elements: readonly string[]): NftMap => ({
  name,
  type: `ipv4_addr . inet_proto . inet_service : ${value}`,
  intervals: true,
  elements: [...new Set(elements)],
})

const spanOf = ([first, last]: readonly [number, number]): string =>
  first === last ? String(first) : `${first}-${last}`

const keepsPorts = ({ externalPorts, internalPorts }: PortForwardingSpec): boolean =>
  externalPorts[0] === internalPorts[0] && externalPorts[1] === internalPorts[1]

/** A range that keeps its numbers is one element. */
function kept(forwarding: PortForwardingSpec): string[] {
  if (!keepsPorts(forwarding)) return []
  const { floating, protocol, externalPorts, fixed } = forwarding
  return [
    `${canonical(floating)} . ${protocol} . ${spanOf(checkedPorts(externalPorts))} : ${canonical(fixed)}`,
  ]
}

/** All to one port is one element; a range that is moved is one for every port of it. */
function rewritten(forwarding: PortForwardingSpec): string[] {
  if (keepsPorts(forwarding)) return []
  const { floating, protocol, externalPorts, fixed, internalPorts } = forwarding
  const [first, last] = checkedPorts(externalPorts)
  const [to, toLast] = checkedPorts(internalPorts)
  const element = (ports: string, port: number): string =>
    `${canonical(floating)} . ${protocol} . ${ports} : ${canonical(fixed)} . ${port}`
  if (to === toLast) return [element(spanOf(externalPorts), to)]
  if (last - first !== toLast - to)
    throw new Error(`${first}-${last} does not go into ${to}-${toLast}, port by port`)
  return Array.from({ length: last - first + 1 }, (_, at) => element(String(first + at), to + at))
}

function checkedPorts(range: readonly [number, number]): readonly [number, number] {
  const [first, last] = range
  const right = Number.isInteger(first) && Number.isInteger(last) && first > 0 && last < 65_536
  if (!right || first > last) throw new Error(`${first}-${last} is not a range of ports`)
  return range
}

/** Under which address of a family the router speaks for others; none without `snat`. */
export function translationAddress(external: RouterGatewaySpec, family: 4 | 6): string | undefined {
  const own = external.addresses.find((each) => familyOf(each.address) === family)
  return external.snat && own !== undefined ? canonical(own.address) : undefined
}

/** What the outside can answer under its own address. */
export function untranslatedSources(spec: RouterSpec, family: 4 | 6): string[] {
  const all = [
    ...(spec.external?.routed ?? []),
    ...(spec.ndpProxies ?? []).map(({ address }) => address),
  ]
  return cover(all.filter((each) => rangeOf(each).family === family))
}

function untranslated(spec: RouterSpec, external: RouterGatewaySpec, family: 4 | 6): string[] {
  const sources = untranslatedSources({ ...spec, external }, family)
  if (sources.length === 0) return []
  const word = family === 4 ? 'ip' : 'ip6'
  return [`oifname "${gatewayLeg(spec.id)}" ${word} saddr { ${sources.join(', ')} } return`]
}

function outwardRules(spec: RouterSpec): string[] {
  const { external } = spec
  if (external === undefined) return []
  const out = `oifname "${gatewayLeg(spec.id)}"`
  const own = translationAddress(external, 4)
  return [
    `${out} snat to ip saddr map @fip_snat`,
    ...untranslated(spec, external, 4),
    ...(own === undefined ? [] : [`${out} snat to ${own}`]),
  ]
}

function hairpinRules(spec: RouterSpec): string[] {
  return spec.interfaces.flatMap((leg) =>
    leg.addresses
      .filter((each) => familyOf(each.address) === 4)
      .map(
        (each) =>
          `oifname "${routerLeg(leg.portId)}" ip saddr ${networkOf(each.address, each.prefix)} ct status dnat snat to ${canonical(each.address)}`,
      ),
  )
}
