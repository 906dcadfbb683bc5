import { mkdirSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import type { KnownIds } from './listing.ts'
import { kindOfNetns, netnsDir, type Names, type NetnsKind } from './names.ts'
import type { Namespaces } from './namespaces.ts'

interface Where {
  readonly namespaces: Namespaces
  readonly names: Names
  readonly known: KnownIds
}

/** Ids of what loses its namespace by somebody else's hand (`ip netns del`), told by the folder of their names. */
export async function* losses(
  { namespaces, names, known }: Where,
  kind: NetnsKind,
  signal: AbortSignal,
): AsyncGenerator<string> {
  if (signal.aborted) return
  mkdirSync(netnsDir, { recursive: true }) // as `ip` does with the first namespace
  try {
    for await (const { filename } of watch(netnsDir, { signal })) {
      if (filename === null || kindOfNetns(names.tag, filename) !== kind) continue
      if (namespaces.inode(filename) !== undefined) continue
      const id = namespaces.lost(filename) ?? known.get(filename)?.id
      known.delete(filename)
      if (id !== undefined) yield id
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
