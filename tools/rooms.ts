import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/**
 * Holds the room rule: reads every import and prints the lines that cross a wall, with the reason. Also measures file lengths.
 * Run by `npm run check`.
 */
const root = resolve(import.meta.dirname, '..')
const serviceOrder = [
  'identity',
  'image',
  'network',
  'block-storage',
  'object-store',
  'workload',
  'compute',
  'container',
  'container-infra',
  'orchestration',
  'application-catalog',
]
const LONGEST = 500
const P90 = 300
const MEDIAN = 100

const files = [...list('src'), ...list('cli'), ...list('tools')].filter((file) =>
  file.endsWith('.ts'),
)
const broken = files.flatMap((file) =>
  importsOf(file).flatMap((imported) => {
    const reason = isTest(file) ? undefined : refuse(file, imported)
    return reason === undefined ? [] : [`${file} imports ${imported}: ${reason}`]
  }),
)
broken.push(...lengths())
for (const line of broken) process.stderr.write(`${line}\n`)
process.exit(broken.length === 0 ? 0 : 1)

function list(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function isTest(file: string): boolean {
  return /\.test\.ts$|testkit|testbed|\/test-[a-z]+\.ts$/.test(file)
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, name = '']) =>
    name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name,
  )
}

function refuse(file: string, imported: string): string | undefined {
  if (
    imported === 'node:child_process' &&
    !file.startsWith('src/kernel/exec/') &&
    !file.startsWith('cli/') &&
    !file.startsWith('tools/') &&
    !file.endsWith('metadata-child.ts')
  ) {
    return 'use kernel/exec: it logs, times out and never goes through a shell'
  }
  if (imported.startsWith('tools/') && !file.startsWith('tools/'))
    return 'tools look after the house, which stands without them'
  if (!imported.startsWith('src/') || !file.startsWith('src/')) return undefined
  const from = roomOf(file)
  const to = roomOf(imported)
  if (from === 'main') return undefined
  if (to === 'main') return 'nothing imports the composition root'
  if (from === 'kernel' && to !== 'kernel') return 'kernel knows no cloud word'
  if (from === 'ports' && to !== 'ports' && to !== 'kernel')
    return 'ports are interfaces over the kernel only'
  if (from === 'engines' && to === 'services') return 'engines never import services'
  if (from === 'services' && to === 'engines') return 'services never import engines'
  return from === 'services' && to === 'services' ? betweenServices(file, imported) : undefined
}

function roomOf(file: string): string {
  const [, room = ''] = file.split('/')
  return ['kernel', 'ports', 'services', 'engines'].includes(room) ? room : 'main'
}

function betweenServices(file: string, imported: string): string | undefined {
  const [, , from = ''] = file.split('/')
  const [, , to = '', ...rest] = imported.split('/')
  if (from === to) return undefined
  if (serviceOrder.indexOf(to) > serviceOrder.indexOf(from))
    return 'left never imports right: nudge by a string key instead'
  return rest.join('/') === 'face.ts'
    ? undefined
    : 'a service reaches another only through its face'
}

function lengths(): string[] {
  const measured = files
    .filter((file) => !isTest(file) && !file.includes('/migrations/') && !file.startsWith('tools/'))
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
    .toSorted((a, b) => a.lines - b.lines)
  const at = (share: number): number => measured[Math.floor(measured.length * share)]?.lines ?? 0
  process.stdout.write(
    `files: ${measured.length}, lines: median ${at(0.5)}, p90 ${at(0.9)}, longest ${measured.at(-1)?.lines ?? 0}\n`,
  )
  return [
    ...measured
      .filter(({ lines }) => lines > LONGEST)
      .map(({ file, lines }) => `${file} has ${lines} lines: split it (bar: ${LONGEST})`),
    ...(at(0.5) > MEDIAN ? [`half of the files are longer than ${MEDIAN} lines`] : []),
    ...(at(0.9) > P90 ? [`more than one file in ten is longer than ${P90} lines`] : []),
  ]
}
