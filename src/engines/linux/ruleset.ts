/** What `nft list ruleset` says, as far as a comparison needs it: rules per chain, elements per set or map. Pure. */
export interface Ruleset {
  /** By `family table chain`: one line per rule. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** By `family table set`; of a map's element only the key. */
  readonly sets: ReadonlyMap<string, readonly string[]>
}

export function parseRuleset(text: string): Ruleset {
  const chains = new Map<string, string[]>()
  const sets = new Map<string, string[]>()
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

function elementsIn(body: string): string[] {
  const list = /elements = \{([\s\S]*?)\}/.exec(body)?.[1] ?? ''
  return list
    .split(',')
    .map((item) => (item.split(' : ')[0] ?? '').trim())
    .filter((item) => item !== '')
}

/** How many rules these commands leave in each chain, and which elements they put where. */
export interface WantedRules {
  readonly chains: ReadonlyMap<string, number>
  readonly elements: readonly { readonly set: string; readonly key: string }[]
}

export function wantedRules(commands: readonly string[]): WantedRules {
  const chains = new Map<string, number>()
  const elements: { set: string; key: string }[] = []
  for (const command of commands) {
    const [verb, what, family, table, name] = command.split(' ', 5)
    if (verb !== 'add') continue
    const key = `${family} ${table} ${name}`
    if (what === 'chain') chains.set(key, chains.get(key) ?? 0)
    if (what === 'rule') chains.set(key, (chains.get(key) ?? 0) + 1)
    const element = what === 'element' ? /\{ ("[^"]+") : /.exec(command)?.[1] : undefined
    if (element !== undefined) elements.push({ set: key, key: element })
  }
  return { chains, elements }
}

/** The first thing that is missing or too much; undefined when all is as the commands leave it. */
export function rulesAmiss(seen: Ruleset, commands: readonly string[]): string | undefined {
  const want = wantedRules(commands)
  for (const [chain, count] of want.chains) {
    const rules = seen.chains.get(chain)
    if (rules === undefined) return `chain ${chain} is gone`
    if (rules.length !== count)
      return `chain ${chain} has ${rules.length} rules instead of ${count}`
  }
  const lost = want.elements.find(({ set, key }) => seen.sets.get(set)?.includes(key) !== true)
  return lost === undefined ? undefined : `${lost.key} is not in ${lost.set}`
}
