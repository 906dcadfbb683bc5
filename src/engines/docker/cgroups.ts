import { readFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Stats } from '../../ports/compute.ts'

/** What control groups count; the network is no affair of theirs. */
export type GroupStats = Omit<Stats, 'network'>

export interface CgroupPlaces {
  readonly proc: string
  readonly cgroup: string
}

const HOST: CgroupPlaces = { proc: '/proc', cgroup: '/sys/fs/cgroup' }
const NS_PER_JIFFY = 1e7

/**
 * Counters of a container straight from its control groups, version 1 or 2: the engine's own statistics are made once a second
 * and whoever asks waits for them. Undefined when they cannot be read here (another cgroup namespace, a process that ended).
 */
export async function groupStats(
  pid: number,
  containerId: string,
  places: CgroupPlaces = HOST,
): Promise<GroupStats | undefined> {
  const groups = await read(join(places.proc, String(pid), 'cgroup'))
  // a number that has been given to another process since
  if (groups === undefined || !groups.includes(containerId)) return undefined
  const files = groupFiles(groups, places.cgroup)
  const counted = (await versionTwo(files)) ?? (await versionOne(files))
  if (counted === undefined) return undefined
  const machine = (await read(join(places.proc, 'stat'))) ?? ''
  return {
    ...counted,
    takenAt: new Date().toISOString(),
    systemCpuNs: jiffiesIn(machine) * NS_PER_JIFFY,
    onlineCpus: cpus().length,
  }
}

type Counted = Omit<GroupStats, 'takenAt' | 'systemCpuNs' | 'onlineCpus'>

/** Reads a file of one of the container's groups: by controller in version 1, of the one group ('') in version 2. */
type Files = (controller: string, name: string) => Promise<string | undefined>

function groupFiles(groups: string, root: string): Files {
  const paths = new Map<string, string>()
  for (const line of groups.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    for (const controller of controllers?.split(',') ?? []) paths.set(controller, path ?? '')
  }
  return async (controller, name) => {
    const path = paths.get(controller)
    return path === undefined ? undefined : await read(join(root, controller, path, name))
  }
}

async function versionTwo(files: Files): Promise<Counted | undefined> {
  const [cpu, memory, most, detail, pids, io] = await Promise.all([
    files('', 'cpu.stat'),
    files('', 'memory.current'),
    files('', 'memory.max'),
    files('', 'memory.stat'),
    files('', 'pids.current'),
    files('', 'io.stat'),
  ])
  if (cpu === undefined || memory === undefined) return undefined
  return {
    cpuNs: wordIn(cpu, 'usage_usec') * 1000,
    ...memoryOf(Number(memory), Number(most), wordIn(detail, 'inactive_file')),
    pids: Number(pids ?? 0),
    blockReadBytes: sumOf(io, /\brbytes=(\d+)/g),
    blockWriteBytes: sumOf(io, /\bwbytes=(\d+)/g),
  }
}

async function versionOne(files: Files): Promise<Counted | undefined> {
  const [cpu, memory, most, detail, pids, io] = await Promise.all([
    files('cpuacct', 'cpuacct.usage'),
    files('memory', 'memory.usage_in_bytes'),
    files('memory', 'memory.limit_in_bytes'),
    files('memory', 'memory.stat'),
    files('pids', 'pids.current'),
    files('blkio', 'blkio.throttle.io_service_bytes_recursive'),
  ])
  if (cpu === undefined || memory === undefined) return undefined
  return {
    cpuNs: Number(cpu),
    ...memoryOf(Number(memory), Number(most), wordIn(detail, 'total_inactive_file')),
    pids: Number(pids ?? 0),
    blockReadBytes: sumOf(io, /\bRead (\d+)/g),
    blockWriteBytes: sumOf(io, /\bWrite (\d+)/g),
  }
}

/** Without page cache that can be dropped at once, as `docker stats` does; without a limit the machine is the limit. */
function memoryOf(
  used: number,
  most: number,
  cache: number,
): Pick<Stats, 'memoryBytes' | 'memoryLimitBytes'> {
  const limit = Number.isFinite(most) ? Math.min(most, totalmem()) : totalmem()
  return { memoryBytes: cache < used ? used - cache : used, memoryLimitBytes: limit }
}

function wordIn(text: string | undefined, word: string): number {
  return Number(new RegExp(`^${word} (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? 0)
}

function sumOf(text: string | undefined, pattern: RegExp): number {
  return [...(text ?? '').matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** The first line of /proc/stat; guests' time is in their hosts' already. */
function jiffiesIn(text: string): number {
  const [, ...numbers] = text.split('\n')[0]?.trim().split(/\s+/) ?? []
  return numbers.slice(0, 8).reduce((sum, count) => sum + Number(count), 0)
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return undefined
  }
}
