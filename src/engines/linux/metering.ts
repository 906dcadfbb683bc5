import { tryRun } from '../../kernel/exec/run.ts'
import type { MeterReading, MeteringSpec, RouterSpec } from '../../ports/network.ts'
import { familyOf, rangeOf } from './addresses.ts'
import { gatewayLeg, netnsPath } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import type { RulesetFacts } from './nft-tables.ts'

/**
 * Metering of what passes a router's gateway, in a table of its own. Every label is a named counter, which keeps its value
 * when rules are written anew, and a chain with its rules. Inner addresses are seen as the guests have them: outward before
 * translation, inward after it.
 */
const TABLE = 'inet metering'
const COUNTER = 'label-'
const CHAIN = 'rules-'

/** The whole table; labels that are not in it any more are taken away by `forgottenLabels`. */
export function meteringRules(spec: RouterSpec): string {
  const labels = spec.external === undefined ? [] : (spec.metering ?? [])
  const gateway = gatewayLeg(spec.id)
  return `table ${TABLE} {
}
flush table ${TABLE}
table ${TABLE} {
${labels.map((label) => `  counter ${COUNTER}${label.labelId} {\n  }\n${labelChain(label, gateway)}`).join('')}  chain forward {
    type filter hook forward priority 5; policy accept;
${labels.map(({ labelId }) => `    jump ${CHAIN}${labelId}\n`).join('')}  }
}
`
}

function labelChain({ labelId, rules }: MeteringSpec, gateway: string): string {
  const line = (rule: MeteringSpec['rules'][number], verdict: string): string =>
    `    ${[matchOf(rule, gateway), verdict].join(' ')}\n`
  const excluded = rules.filter((rule) => rule.excluded).map((rule) => line(rule, 'return'))
  const counted = rules
    .filter((rule) => !rule.excluded)
    .map((rule) => line(rule, `counter name "${COUNTER}${labelId}" return`)) // once, however many rules match
  return `  chain ${CHAIN}${labelId} {\n${[...excluded, ...counted].join('')}  }\n`
}

function matchOf(rule: MeteringSpec['rules'][number], gateway: string): string {
  const inward = rule.direction === 'ingress'
  const sides: [string, string | undefined][] = [
    ['saddr', rule.sourceCidr],
    ['daddr', rule.destinationCidr],
    [inward ? 'daddr' : 'saddr', rule.remoteCidr],
  ]
  const words = sides.flatMap(([side, cidr]) =>
    cidr === undefined ? [] : addressMatch(side, cidr),
  )
  return [`${inward ? 'iifname' : 'oifname'} "${gateway}"`, ...words].join(' ')
}

function addressMatch(side: string, cidr: string): string {
  rangeOf(cidr) // throws when it is none
  return `${familyOf(cidr.split('/')[0] ?? '') === 4 ? 'ip' : 'ip6'} ${side} ${cidr}`
}

/** Commands that take away labels which are in the table and not in the wish; after `meteringRules`, which frees them. */
export function forgottenLabels(held: readonly string[], spec: RouterSpec): string[] {
  const wanted = new Set((spec.metering ?? []).map(({ labelId }) => labelId))
  return held
    .filter((id) => spec.external === undefined || !wanted.has(id))
    .flatMap((id) => [
      `delete chain ${TABLE} ${CHAIN}${id}`,
      `delete counter ${TABLE} ${COUNTER}${id}`,
    ])
}

/** Labels in the table, also those that nobody wants any more. */
export const meteredLabels = async (namespaces: Namespaces, netns: string): Promise<string[]> =>
  (await readMeters(namespaces, netns)).map(({ labelId }) => labelId)

/** In words what differs. */
export function meteringDrift(spec: RouterSpec, seen: RulesetFacts): string[] {
  const labels = spec.external === undefined ? [] : (spec.metering ?? [])
  const facts = seen.tables.get(TABLE)
  return labels
    .filter(
      ({ labelId, rules }) =>
        facts?.counters.has(`${COUNTER}${labelId}`) !== true ||
        facts.chains.get(`${CHAIN}${labelId}`) !== rules.length,
    )
    .map(({ labelId }) => `the metering label ${labelId} does not count`)
}

/** Of a router that meters nothing: none. */
export async function readMeters(namespaces: Namespaces, netns: string): Promise<MeterReading[]> {
  if (namespaces.inode(netns) === undefined) return []
  const words = ['nft', '-j', 'list', 'counters', 'table', ...TABLE.split(' ')]
  const listed = await tryRun('nsenter', [`--net=${netnsPath(netns)}`, ...words])
  if (listed.code !== 0) return []
  return parseMeters(JSON.parse(listed.stdout))
}

export function parseMeters(listed: unknown): MeterReading[] {
  const { nftables } = listed as { readonly nftables: readonly Record<string, unknown>[] } // what `nft -j` always prints
  return nftables.flatMap(({ counter }) => {
    const found = counter as // libnftables-json(5)
      { readonly name: string; readonly packets: number; readonly bytes: number } | undefined
    if (found?.name.startsWith(COUNTER) !== true) return []
    const { name, packets, bytes } = found
    return [{ labelId: name.slice(COUNTER.length), packets, bytes }]
  })
}
