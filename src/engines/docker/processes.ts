import { readFile } from 'node:fs/promises'

/**
 * Ends a process of this host and everything it started, at once: the engine has no call that ends a command it runs inside a
 * container. What is found already gone is fine.
 */
export async function killWithChildren(pid: number): Promise<void> {
  if (pid <= 1) return
  // stopped first, so that it does not start more while its children are looked for
  signal(pid, 'SIGSTOP')
  const children = await childrenOf(pid)
  signal(pid, 'SIGKILL')
  for (const child of children) await killWithChildren(child)
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text
    .split(' ')
    .map(Number)
    .filter((child) => child > 1)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it ended in this moment
  }
}
