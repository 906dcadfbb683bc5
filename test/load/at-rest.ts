import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 500
const STEADY_LOOKS = 4
const LONGEST_MS = 20_000

/**
 * Network namespaces that a row took away the kernel clears up later, under the lock that every change of a link needs. That
 * is no part of the next row: waits until their number falls no more. Where the kernel does not tell, nothing is waited for.
 */
export async function kernelAtRest(): Promise<void> {
  let least = namespaces()
  let steady = 0
  for (const end = Date.now() + LONGEST_MS; steady < STEADY_LOOKS && Date.now() < end;) {
    if (least === undefined) return
    await sleep(LOOK_MS)
    const now = namespaces() ?? 0
    steady = now < least ? 0 : steady + 1
    least = Math.min(least, now)
  }
}

function namespaces(): number | undefined {
  if (!existsSync('/proc/slabinfo')) return undefined
  const found = /^net_namespace\s+(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8'))
  return found === null ? undefined : Number(found[1])
}
