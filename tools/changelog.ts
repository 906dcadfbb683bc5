import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Assembles the change notes of `changes/` into a new section of CHANGELOG.md and removes them: `node tools/changelog.ts 0.2.0`.
 * A note is a file of its own so that two changes never meet in one line. Its name is `<kind>-<slug>.md` with a kind of below.
 */
export const KINDS = {
  added: 'Added',
  changed: 'Changed',
  fixed: 'Fixed',
  removed: 'Removed',
  security: 'Security',
} as const

export interface ChangeNote {
  readonly file: string
  readonly text: string
}

/** The section for one release; throws on a note whose name tells no kind. */
export function changelogSection(
  version: string,
  date: string,
  notes: readonly ChangeNote[],
): string {
  const stray = notes.find(({ file }) => kindOf(file) === undefined)
  if (stray !== undefined) {
    throw new Error(
      `changes/${stray.file}: the name must begin with one of ${Object.keys(KINDS).join(', ')}`,
    )
  }
  const parts = Object.entries(KINDS).map(([kind, title]) => {
    const lines = notes.filter(({ file }) => kindOf(file) === kind).map(({ text }) => asItem(text))
    return lines.length === 0 ? '' : `### ${title}\n\n${lines.join('\n')}\n\n`
  })
  return `## ${version} (${date})\n\n${parts.join('')}`
}

function kindOf(file: string): string | undefined {
  return Object.keys(KINDS).find((kind) => file.startsWith(`${kind}-`))
}

function asItem(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n')
  return [`- ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`))].join('\n')
}

async function main(version: string | undefined): Promise<void> {
  if (version === undefined) throw new Error('usage: node tools/changelog.ts VERSION')
  const root = join(import.meta.dirname, '..')
  const folder = join(root, 'changes')
  const files = (await readdir(folder)).filter((file) => file.endsWith('.md')).toSorted()
  const notes = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join(folder, file), 'utf8') })),
  )
  const section = changelogSection(version, new Date().toISOString().slice(0, 10), notes)
  const target = join(root, 'CHANGELOG.md')
  const before = await readFile(target, 'utf8')
  const marker = '<!-- releases -->\n'
  if (!before.includes(marker)) throw new Error(`CHANGELOG.md lacks the line ${marker.trim()}`)
  await writeFile(target, before.replace(marker, `${marker}\n${section.trimEnd()}\n`))
  await Promise.all(files.map((file) => rm(join(folder, file))))
  process.stdout.write(`${files.length} notes moved into CHANGELOG.md\n`)
}

if (import.meta.main) await main(process.argv[2])
