/**
 * nftables tables as data: written as one text that replaces them at once, and compared with what `nft -j list ruleset`
 * says is there. What the rules say in the kernel's words is not compared, but how many there are in each chain, and a
 * mark: an empty chain named after the text that was written.
 */
import { createHash } from 'node:crypto'

export interface NftTable {
  /** e.g. `ip nat` */
  readonly name: string
  readonly maps: readonly NftMap[]
  readonly chains: readonly NftChain[]
}

export interface NftMap {
  readonly name: string
  /** e.g. `ipv4_addr : ipv4_addr` */
  readonly type: string
  readonly intervals: boolean
  /** e.g. `203.0.113.5 : 10.0.0.5` */
  readonly elements: readonly string[]
}

export interface NftChain {
  readonly name: string
  /** e.g. `type nat hook prerouting priority -100; policy accept;` */
  readonly base: string
  readonly rules: readonly string[]
}

export function tablesText(tables: readonly NftTable[]): string {
  return tables
    .map((table) => `table ${table.name}\ndelete table ${table.name}\n${tableText(table)}`)
    .join('')
}

function tableText(table: NftTable): string {
  return `table ${table.name} {
  chain ${markOf(table)} {
  }
${bodyOf(table)}}
`
}

const bodyOf = ({ maps, chains }: NftTable): string =>
  [...maps.map(mapText), ...chains.map(chainText)].join('')

const mapText = ({ name, type, intervals, elements }: NftMap): string =>
  [
    `  map ${name} {`,
    `    type ${type}`,
    ...(intervals ? ['    flags interval'] : []),
    ...(elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`]),
    '  }\n',
  ].join('\n')

const chainText = ({ name, base, rules }: NftChain): string =>
  [`  chain ${name} {`, `    ${base}`, ...rules.map((rule) => `    ${rule}`), '  }\n'].join('\n')

const markOf = (table: NftTable): string =>
  `wish_${createHash('sha256').update(bodyOf(table)).digest('hex').slice(0, 12)}`

/** What of one namespace's ruleset the comparison needs. */
export interface RulesetFacts {
  /** `family table` → its chains with the number of rules, and its maps with the number of elements. */
  readonly tables: ReadonlyMap<string, TableFacts>
}

export interface TableFacts {
  readonly chains: Map<string, number>
  readonly maps: Map<string, number>
  readonly counters: Set<string>
}

interface Listed {
  readonly family: string
  readonly name?: string
  readonly table?: string
  readonly chain?: string
  readonly elem?: readonly unknown[]
}

/** Reads `nft -j list ruleset` (libnftables-json(5)). */
export function rulesetFacts(listed: unknown): RulesetFacts {
  const tables = new Map<string, TableFacts>()
  const at = (family: string, table: string): TableFacts => {
    const known = tables.get(`${family} ${table}`)
    if (known !== undefined) return known
    const fresh = { chains: new Map(), maps: new Map(), counters: new Set<string>() }
    tables.set(`${family} ${table}`, fresh)
    return fresh
  }
  const { nftables } = listed as { readonly nftables: readonly Record<string, Listed>[] } // what the manual promises
  for (const item of nftables) {
    const { table, chain, rule, map, counter } = item
    if (table !== undefined) at(table.family, table.name ?? '')
    const inside = chain ?? rule ?? map ?? counter
    if (inside === undefined) continue
    const facts = at(inside.family, inside.table ?? '')
    const name = inside.name ?? ''
    if (chain !== undefined) facts.chains.set(name, facts.chains.get(name) ?? 0)
    if (rule !== undefined)
      facts.chains.set(rule.chain ?? '', (facts.chains.get(rule.chain ?? '') ?? 0) + 1)
    if (map !== undefined) facts.maps.set(name, map.elem?.length ?? 0)
    if (counter !== undefined) facts.counters.add(name)
  }
  return { tables }
}

/** In words what differs. */
export function tablesDrift(wanted: readonly NftTable[], seen: RulesetFacts): string[] {
  return wanted.flatMap((table) => {
    const facts = seen.tables.get(table.name)
    if (facts === undefined) return [`the table ${table.name} is gone`]
    return [
      ...(facts.chains.has(markOf(table)) ? [] : [`the table ${table.name} is of another wish`]),
      ...table.chains
        .filter(({ name, rules }) => facts.chains.get(name) !== rules.length)
        .map(({ name }) => `the rules of chain ${name} in ${table.name} are not those wanted`),
      ...table.maps
        .filter(({ name, elements }) => facts.maps.get(name) !== elements.length)
        .map(({ name }) => `the elements of map ${name} in ${table.name} are not those wanted`),
    ]
  })
}
