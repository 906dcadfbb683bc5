import { readdir, readFile } from 'node:fs/promises'

/** What the kernel says about processes on this host, read from `/proc`. */
const KIB_PER_MIB = 1024
const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux that Node runs on

/** Proportional set size of the processes with all their descendants: shared pages count once, split among who maps them. */
export async function pssMiB(roots: readonly number[]): Promise<number> {
  const sizes = await Promise.all([...(await withDescendants(roots))].map(pssKiB))
  return sizes.reduce((sum, size) => sum + size, 0) / KIB_PER_MIB
}

/** CPU time that the process has used so far, all its threads. */
export async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await statFields(pid)) ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND // utime, stime
}

/** containerd's shims of the containers: parents of what runs in them. */
export async function shimsOf(containerIds: ReadonlySet<string>): Promise<readonly number[]> {
  const found = await Promise.all(
    (await pids()).map(async (pid) => {
      const args = ((await textOf(`/proc/${pid}/cmdline`)) ?? '').split('\0')
      const isShim = args[0]?.includes('containerd-shim') === true
      return isShim && containerIds.has(args[args.indexOf('-id') + 1] ?? '') ? [pid] : []
    }),
  )
  return found.flat()
}

async function withDescendants(roots: readonly number[]): Promise<ReadonlySet<number>> {
  const children = new Map<number, number[]>()
  for (const pid of await pids()) {
    const parent = Number((await statFields(pid))?.[1] ?? 0)
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const family = new Set(roots)
  // A set iterates over what is added meanwhile, so this goes down every generation.
  for (const pid of family) for (const child of children.get(pid) ?? []) family.add(child)
  return family
}

async function pids(): Promise<readonly number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
}

async function pssKiB(pid: number): Promise<number> {
  const rollup = await textOf(`/proc/${pid}/smaps_rollup`)
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup ?? '')?.[1] ?? 0)
}

/** Fields of `stat` after the command's name, which may hold spaces and brackets: state, parent, … */
async function statFields(pid: number): Promise<readonly string[] | undefined> {
  const stat = await textOf(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** A process may end between being listed and being read. */
async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}
