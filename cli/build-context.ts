import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import dockerignore from '@balena/dockerignore'
import { pack, type Pack } from 'tar-stream'

/** The files that a build may use: everything below the folder but what its `.dockerignore` names, as Docker reads that file. */
export async function buildContext(folder: string, dockerfile: string): Promise<Readable> {
  const names = await included(folder, dockerfile)
  const tar = pack()
  void fill(tar, folder, names).catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  return Readable.from(tar, { objectMode: false })
}

/** Sorted, so that the same files make the same tar. The Dockerfile itself always goes along. */
async function included(folder: string, dockerfile: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries.map((entry) =>
    relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'),
  )
  const file = join(folder, '.dockerignore')
  if (!existsSync(file)) return names.toSorted()
  const rules = dockerignore.default().add(readFileSync(file, 'utf8'))
  const keep = rules.createFilter()
  return names.filter((name) => name === dockerfile || keep(name)).toSorted()
}

async function fill(tar: Pack, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await addEntry(tar, join(folder, name), name)
  tar.finalize()
}

async function addEntry(tar: Pack, path: string, name: string): Promise<void> {
  const facts = await lstat(path)
  const header = { name, mode: facts.mode & 0o7777, mtime: facts.mtime, uid: 0, gid: 0 }
  if (facts.isSymbolicLink()) {
    tar.entry({ ...header, type: 'symlink', linkname: await readlink(path) })
  } else if (facts.isDirectory()) {
    tar.entry({ ...header, type: 'directory' })
  } else if (facts.isFile()) {
    await pipeline(createReadStream(path), tar.entry({ ...header, type: 'file', size: facts.size }))
  }
}
