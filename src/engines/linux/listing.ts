import { linkFacts } from './link-facts.ts'
import { kindOfNetns, type Names, type NetnsKind } from './names.ts'
import type { Namespaces } from './namespaces.ts'

export interface Holdings {
  readonly networks: readonly string[]
  readonly routers: readonly string[]
  readonly externals: readonly string[]
}

/** What of this cloud is on the host. Whole ids stand on each namespace's `lo`; one that has none yet is told by its digits. */
export async function listHoldings(namespaces: Namespaces, names: Names): Promise<Holdings> {
  const found: Record<NetnsKind, string[]> = { network: [], router: [], external: [] }
  for (const netns of await namespaces.list(`sy${names.tag}-`)) {
    const kind = kindOfNetns(names.tag, netns)
    if (kind === undefined) continue
    const [lo] = linkFacts(await namespaces.show(netns, ['link', 'show', 'dev', 'lo']))
    found[kind].push(lo?.alias ?? netns.slice(-12))
  }
  return { networks: found.network, routers: found.router, externals: found.external }
}
