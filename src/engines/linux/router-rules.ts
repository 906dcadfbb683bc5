import type { RouterSpec } from '../../ports/network.ts'
import { canonical, familyOf, networkOf } from './addresses.ts'
import { gatewayLeg, routerLeg } from './names.ts'

/**
 * A router's nftables rules, whole; pure. Floating addresses are two maps, so that any number of them costs one look-up.
 * Inward only the destination is rewritten: security groups see who is really calling. A tenant who calls a floating
 * address of his own network gets the router's address as source, or the answer would go past the router.
 */
export function routerRules(spec: RouterSpec): string {
  return `table ip nat
delete table ip nat
table ip nat {
${natBody(spec)}
}
table inet guard
delete table inet guard
table inet guard {
  chain forward {
    type filter hook forward priority 0; policy ${spec.adminUp ? 'accept' : 'drop'};
    ip daddr 169.254.0.0/16 drop
  }
}
`
}

function natBody(spec: RouterSpec): string {
  const floating = spec.external === undefined ? [] : spec.floatingIps.filter(isV4)
  const pairs = floating.map((each) => [canonical(each.floating), canonical(each.fixed)] as const)
  return [
    mapOf('fip_dnat', pairs),
    mapOf(
      'fip_snat',
      pairs.map(([outside, inside]) => [inside, outside] as const),
    ),
    '  chain pre {',
    '    type nat hook prerouting priority -100; policy accept;',
    '    dnat to ip daddr map @fip_dnat',
    '  }',
    '  chain post {',
    '    type nat hook postrouting priority 100; policy accept;',
    ...outwardRules(spec).map((rule) => `    ${rule}`),
    ...hairpinRules(spec).map((rule) => `    ${rule}`),
    '  }',
  ].join('\n')
}

const isV4 = (each: RouterSpec['floatingIps'][number]): boolean =>
  familyOf(each.floating) === 4 && familyOf(each.fixed) === 4

function mapOf(name: string, pairs: readonly (readonly [string, string])[]): string {
  const unique = [...new Map(pairs)]
  const elements = unique.map(([key, value]) => `${key} : ${value}`).join(', ')
  return `  map ${name} { type ipv4_addr : ipv4_addr;${elements === '' ? '' : ` elements = { ${elements} };`} }`
}

function outwardRules(spec: RouterSpec): string[] {
  if (spec.external === undefined) return []
  const out = `oifname "${gatewayLeg(spec.id)}"`
  const own = spec.external.addresses.find((each) => familyOf(each.address) === 4)
  return [
    `${out} snat to ip saddr map @fip_snat`,
    ...(spec.external.snat && own !== undefined
      ? [`${out} snat to ${canonical(own.address)}`]
      : []),
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
