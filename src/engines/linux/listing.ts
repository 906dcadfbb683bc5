import { linkFacts } from './link-facts.ts'
import { kindOfNetns, type Names, type NetnsKind } from './names.ts'
import type { Namespaces } from './namespaces.ts'

export interface Holdings {
  readonly networks: readonly string[]
  readonly routers: readonly string[]
  readonly externals: readonly string[]
}

/** By name: which id a namespace was found to be for, as long as it is the same one. */
export type KnownIds = Map<string, { readonly inode: number; readonly id: string }>

/**
 * What of this cloud is on the host. Whole ids stand on each namespace's `lo`; one that has none there is told by its digits:
 * whoever made it was killed before that.
 */
export async function listHoldings(
  namespaces: Namespaces,
  names: Names,
  known: KnownIds,
): Promise<Holdings> {
  const found: Record<NetnsKind, string[]> = { network: [], router: [], external: [] }
  const there = await namespaces.list(`sy${names.tag}-`)
  for (const gone of new Set(known.keys()).difference(new Set(there))) known.delete(gone)
  for (const netns of there) {
    const kind = kindOfNetns(names.tag, netns)
    if (kind === undefined) continue
    found[kind].push(await idOf(namespaces, netns, known))
  }
  return { networks: found.network, routers: found.router, externals: found.external }
}

async function idOf(namespaces: Namespaces, netns: string, known: KnownIds): Promise<string> {
  const written = await writtenId(namespaces, netns, known)
  // looked at last: this process may be making it, and the id be written only now
  return namespaces.ownerOf(netns) ?? written ?? netns.slice(-12)
}

/** Asking costs a program for each, and what has been said once stays so. */
async function writtenId(
  namespaces: Namespaces,
  netns: string,
  known: KnownIds,
): Promise<string | undefined> {
  const inode = namespaces.inode(netns) ?? 0
  const before = known.get(netns)
  if (before?.inode === inode) return before.id
  known.delete(netns)
  const [lo] = linkFacts(await namespaces.show(netns, ['link', 'show', 'dev', 'lo']))
  if (lo?.alias === undefined) return undefined
  known.set(netns, { inode, id: lo.alias })
  return lo.alias
}
