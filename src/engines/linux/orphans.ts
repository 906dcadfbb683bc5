import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { tryRun } from '../../kernel/exec/run.ts'
import { netnsDir } from './names.ts'

/** Something on this host that carries the tag of a cloud, whichever. */
export interface Tagged {
  readonly tag: string
  readonly kind: 'namespace' | 'link' | 'table'
  readonly name: string
  /** What it was made for, and the beginning of its id: hex digits, without dashes. */
  readonly of: 'network' | 'router' | 'external network'
  readonly digits: string
}

const letters = { n: 'network', r: 'router', x: 'external network', t: 'network' } as const

/** Namespaces, links and tables (`ip stackyard_…`) of all clouds; their names tell whose they are and what for. */
export async function listTagged(): Promise<readonly Tagged[]> {
  const [namespaces, links, tables] = await Promise.all([
    readdir(netnsDir).catch(() => []),
    readdir('/sys/class/net').catch(() => []),
    tryRun('nft', ['list', 'tables']).catch(() => ({ stdout: '' })),
  ])
  return [
    ...namespaces.flatMap((name) =>
      tagged('namespace', name, /^sy([0-9a-f]{4})-([nrx])-([0-9a-f]{12})$/),
    ),
    ...links.flatMap((name) => tagged('link', name, /^sy([0-9a-f]{4})([xt])([0-9a-f]{8})$/)),
    ...[...tables.stdout.matchAll(/^table (\S+ \S+)$/gm)].flatMap(([, name = '']) =>
      tagged('table', name, /^\S+ stackyard_([0-9a-f]{4})_(t?)([0-9a-f]{12})$/),
    ),
  ]
}

function tagged(kind: Tagged['kind'], name: string, pattern: RegExp): Tagged[] {
  const [, tag, letter = '', digits] = pattern.exec(name) ?? []
  if (tag === undefined || digits === undefined) return []
  const of = letters[letter === '' ? 'x' : (letter as keyof typeof letters)] // one of those in the pattern
  return [{ tag, kind, name, of, digits }]
}

/** Where the clouds that have been on this host since its start keep their data: one file per tag. */
const HOMES = '/run/stackyard'

export function noteHome(tag: string, data: string): void {
  mkdirSync(HOMES, { recursive: true, mode: 0o755 })
  writeFileSync(join(HOMES, tag), data)
}

export function forgetHome(tag: string): void {
  rmSync(join(HOMES, tag), { force: true })
}

/** The data folder of this tag's cloud, if it is known and still there. */
export function homeOf(tag: string): string | undefined {
  const note = join(HOMES, tag)
  if (!existsSync(note)) return undefined
  const data = readFileSync(note, 'utf8').trim()
  const file = join(data, 'cloud')
  return existsSync(file) && readFileSync(file, 'utf8').trim() === tag ? data : undefined
}
