import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { ensureAptLists } from '../../cli/host/packages.ts'
import { buildGuestImages } from '../../cli/guest/build.ts'

const recipe = resolve(import.meta.dirname, '../../cli/guest')

/** Lays the guest images into a data folder that no cloud has started in yet. Built once per state of their recipe. */
export async function layGuestImages(data: string): Promise<void> {
  const cache = join(tmpdir(), `stackyard-guests-${recipeDigest()}`)
  if (!existsSync(join(cache, 'images.json'))) {
    await ensureAptLists()
    const fresh = mkdtempSync(join(tmpdir(), 'stackyard-guests-new-'))
    await buildGuestImages(fresh)
    if (existsSync(cache)) rmSync(fresh, { recursive: true }) // somebody else was quicker
    else renameSync(fresh, cache)
  }
  mkdirSync(join(data, 'guest'), { recursive: true })
  cpSync(cache, join(data, 'guest'), { recursive: true })
}

function recipeDigest(): string {
  const digest = createHash('sha256')
  const files = readdirSync(recipe, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  for (const file of files.map((entry) => join(entry.parentPath, entry.name)).toSorted()) {
    if (!file.endsWith('.test.ts')) digest.update(relative(recipe, file)).update(readFileSync(file))
  }
  return digest.digest('hex').slice(0, 12)
}
