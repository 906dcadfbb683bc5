/** What `nft list ruleset` says, as far as a comparison needs it: rules per chain, elements per set or map. Pure. */
export interface Ruleset {
  /** By `family table chain`: one line per rule. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** By `family table set`: its elements; a map's as `key : value`. */
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>
}

export function parseRuleset(text: string): Ruleset {
  const chains = new Map<string, string[]>()
  const sets = new Map<string, Set<string>>()
  for (const [, table = '', body = ''] of text.matchAll(/^table (\S+ \S+) \{\n([\s\S]*?)^\}/gm)) {
    for (const [, kind, name = '', inner = ''] of body.matchAll(
      /^\t(chain|set|map) (\S+) \{\n([\s\S]*?)^\t\}/gm,
    )) {
      const key = `${table} ${name}`
      if (kind === 'chain') chains.set(key, rulesIn(inner))
      else sets.set(key, elementsIn(inner))
    }
  }
  return { chains, sets }
}

const rulesIn = (body: string): string[] =>
  body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('type '))

function elementsIn(body: string): Set<string> {
  const list = /elements = \{([\s\S]*?)\}/.exec(body)?.[1] ?? ''
  return new Set(
    list
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
}

/** The first chain that is not as these commands leave it, by the number of its rules; undefined when there is none. */
export function rulesAmiss(seen: Ruleset, commands: readonly string[]): string | undefined {
  for (const [chain, count] of wantedRules(commands)) {
    const rules = seen.chains.get(chain)
    if (rules === undefined) return `chain ${chain} is gone`
    if (rules.length !== count)
      return `chain ${chain} has ${rules.length} rules instead of ${count}`
  }
  return undefined
}

/** How many rules these commands leave in each chain. */
function wantedRules(commands: readonly string[]): Map<string, number> {
  const chains = new Map<string, number>()
  for (const command of commands) {
    const [verb, what, family, table, name] = command.split(' ', 5)
    if (verb !== 'add') continue
    const key = `${family} ${table} ${name}`
    if (what === 'chain') chains.set(key, chains.get(key) ?? 0)
    if (what === 'rule') chains.set(key, (chains.get(key) ?? 0) + 1)
  }
  return chains
}
