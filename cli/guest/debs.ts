import { mkdir, readdir, readFile, readlink, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '../../src/kernel/exec/run.ts'
import { elfNeeds } from './elf.ts'

/**
 * Debian packages as a quarry: they are downloaded and unpacked into a scratch folder, never installed, and single files are
 * taken from them. apt checks their signatures as for an installation.
 */
export class DebQuarry {
  readonly #folder: string
  readonly #have = new Set<string>()
  /** File name → path inside the unpacked tree, for finding libraries. */
  readonly #byName = new Map<string, string>()

  constructor(config: { readonly folder: string }) {
    this.#folder = config.folder
  }

  /** Makes the files of these packages available. Repeating a name costs nothing. */
  async open(packages: readonly string[]): Promise<void> {
    const missing = packages.filter((name) => !this.#have.has(name))
    if (missing.length === 0) return
    const debs = join(this.#folder, `debs-${this.#have.size}`)
    await mkdir(debs, { recursive: true })
    // Root's apt would drop to the user _apt, who may not write into a private folder, and warn about it.
    const args = ['-q', '-o', 'APT::Sandbox::User=root', 'download', ...missing]
    await run('apt-get', args, { cwd: debs, timeoutMs: 300_000 })
    for (const file of await readdir(debs)) {
      await run('dpkg-deb', ['-x', join(debs, file), this.#tree], { timeoutMs: 60_000 })
    }
    for (const name of missing) this.#have.add(name)
    await this.#index()
  }

  /** Where a file of an opened package lies; `wanted` is its path without regard to /usr (merged or not). */
  async path(wanted: string): Promise<string> {
    for (const candidate of [join(this.#tree, 'usr', wanted), join(this.#tree, wanted)]) {
      if (await exists(candidate)) return candidate
    }
    throw new Error(`no opened Debian package contains ${wanted}`)
  }

  /**
   * All libraries that the given programs need, name → path, found by following the NEEDED entries; packages that bring a
   * missing one are opened by following the dependencies of those already open.
   */
  async libraries(programs: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    const queue = [...programs]
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const needs = elfNeeds(await readFile(path))
      const names = [...(needs?.libraries ?? [])]
      if (needs?.interpreter !== undefined) names.push(basename(needs.interpreter))
      for (const name of names) {
        if (found.has(name)) continue
        const library = await this.#library(name)
        found.set(name, library)
        queue.push(library)
      }
    }
    return found
  }

  get #tree(): string {
    return join(this.#folder, 'tree')
  }

  async #library(name: string): Promise<string> {
    for (let path = this.#byName.get(name); ; path = this.#byName.get(name)) {
      if (path !== undefined) return path
      const more = (await libraryDependencies([...this.#have])).filter((p) => !this.#have.has(p))
      if (more.length === 0) throw new Error(`no Debian package found that brings ${name}`)
      await this.open(more)
    }
  }

  async #index(): Promise<void> {
    for (const entry of await readdir(this.#tree, { recursive: true, withFileTypes: true })) {
      if (!entry.name.includes('.so')) continue
      const path = join(entry.parentPath, entry.name)
      this.#byName.set(entry.name, await resolveInTree(this.#tree, path))
    }
  }
}

/** Library packages that the given ones depend on directly. */
async function libraryDependencies(packages: readonly string[]): Promise<string[]> {
  const text = await run('apt-cache', ['depends', '--important', ...packages])
  const names = [...text.matchAll(/Depends: ((?:lib|zlib)[a-z0-9.+-]+)/g)]
  return [...new Set(names.flatMap((match) => match[1] ?? []))]
}

/** Follows links inside the unpacked tree; an absolute target means the tree's own root, not the host's. */
async function resolveInTree(tree: string, path: string): Promise<string> {
  const target = await readlink(path).catch(() => undefined)
  if (target === undefined) return path
  const next = target.startsWith('/') ? join(tree, target) : join(path, '..', target)
  return await resolveInTree(tree, next)
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
