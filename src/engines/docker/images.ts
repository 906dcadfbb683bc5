import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { cloudError, type CloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageKey, WorkloadId } from '../../ports/compute.ts'
import { describeArchive, plainTar, withOnlyTag, type ArchiveKind } from './archive.ts'
import { isDockerError, jsonLines } from './client.ts'
import { Gate } from './gate.ts'
import {
  containerName,
  imageRepository,
  imageTag,
  namedReference,
  plainReference,
  type DockerHost,
} from './names.ts'

/**
 * Images by key, as tags `stackyard/<cloud>:<hex of the key>`; a key `docker:<reference>` is a name of the engine's own.
 * Other tags there are this engine's: `keep-<id>` (see kept.ts), `gone-<hex>` for an image that was removed while a
 * container used it, `commit-…` while a snapshot is being read, and `build-…` until what was built is stored elsewhere. The
 * last three are swept when they are free.
 */
interface Progress {
  readonly error?: string
}

export class Images {
  readonly #host: DockerHost
  readonly #present = new Set<ImageKey>()
  readonly #loading = new Map<ImageKey, Promise<void>>()
  readonly #gone = new Set<string>()
  readonly #gate = new Gate()
  /** Marks the commits of this process, so that the sweep of leftovers spares them. */
  readonly #mark = randomBytes(4).toString('hex')
  #made = 0

  constructor(host: DockerHost) {
    this.#host = host
  }

  reference(key: ImageKey): string {
    const named = namedReference(key)
    if (named !== undefined) return plainReference(named)
    return `${imageRepository(this.#host.cloud)}:${imageTag(key)}`
  }

  /** The engine turned out not to have it after all. */
  forget(key: ImageKey): void {
    this.#present.delete(key)
  }

  async has(key: ImageKey): Promise<boolean> {
    if (namedReference(key) === undefined && this.#present.has(key)) return true
    const found = await this.#host.client.find(`/images/${this.reference(key)}/json`)
    if (found !== undefined) this.#present.add(key)
    return found !== undefined
  }

  async load(key: ImageKey, open: () => Promise<Readable>): Promise<void> {
    const running =
      this.#loading.get(key) ?? this.#load(key, open).finally(() => this.#loading.delete(key))
    this.#loading.set(key, running)
    await running
  }

  /** An image that has a name of its own stays: others may use it. */
  async remove(key: ImageKey): Promise<void> {
    if (namedReference(key) !== undefined) return
    this.forget(key)
    try {
      await this.delete(this.reference(key))
    } catch (error) {
      if (!isDockerError(error, 409)) throw error
      await this.#hide(key)
    }
  }

  /** Removes what nobody needs any more; called after containers went. */
  async sweep(): Promise<void> {
    for (const reference of this.#gone) {
      try {
        await this.delete(reference)
        this.#gone.delete(reference)
      } catch (error) {
        if (!isDockerError(error, 409)) throw error // still used by another container
      }
    }
  }

  /** Finds what a former process could not finish. */
  async adopt(): Promise<void> {
    const repository = imageRepository(this.#host.cloud)
    const found = await this.#host.client.call<{ RepoTags: string[] | null }[]>(
      'GET',
      '/images/json',
      {
        query: { filters: JSON.stringify({ reference: [repository] }) },
      },
    )
    for (const reference of found.flatMap(({ RepoTags }) => RepoTags ?? [])) {
      const tag = reference.slice(repository.length + 1)
      const mine = tag.includes(`-${this.#mark}-`)
      const leftover = /^(commit|build)-/.test(tag) && !mine
      if (leftover || tag.startsWith('gone-')) this.#gone.add(reference)
    }
    await this.sweep()
  }

  /** The workload's file system as a nameless image; the engine's copy goes when the stream ends. */
  async commit(id: WorkloadId): Promise<Readable> {
    this.#made += 1
    const repo = imageRepository(this.#host.cloud)
    const tag = `commit-${this.#mark}-${this.#made}`
    const made = await this.#host.client.call<{ Id: string }>('POST', '/commit', {
      query: { container: containerName(id), repo, tag, pause: true },
      body: {},
      timeoutMs: 0,
    })
    const remove = (): void => {
      this.delete(`${repo}:${tag}`).catch(() => this.#gone.add(`${repo}:${tag}`))
    }
    try {
      // By id, not by name: so the archive carries no tag of ours.
      const content = await this.#host.client.open('GET', `/images/${made.Id}/get`, {
        timeoutMs: 0,
      })
      content.once('close', remove)
      return content
    } catch (error) {
      remove()
      throw error
    }
  }

  /** A name for what is going to be built. Random: who knows one may use it. */
  nameBuild(): string {
    const secret = randomBytes(16).toString('hex')
    return `${imageRepository(this.#host.cloud)}:build-${this.#mark}-${secret}`
  }

  isBuilt(reference: string): boolean {
    return reference.startsWith(`${imageRepository(this.#host.cloud)}:build-`)
  }

  async removeBuilt(reference: string): Promise<void> {
    if (!this.isBuilt(reference))
      throw cloudError('badRequest', `'${reference}' was not made by a build`)
    try {
      await this.delete(reference)
    } catch (error) {
      if (!isDockerError(error, 409)) throw error
      this.#gone.add(reference)
    }
  }

  /** By any name; what is not there is fine. 409 while a container uses it. */
  async delete(reference: string): Promise<void> {
    await this.#gate.alone(async () => {
      await this.#host.client.send('DELETE', `/images/${reference}`).catch((error: unknown) => {
        if (!isDockerError(error, 404)) throw error
      })
    })
  }

  async #load(key: ImageKey, open: () => Promise<Readable>): Promise<void> {
    if (await this.has(key)) return
    const { client } = this.#host
    const { Arch } = await client.version()
    const what = await describeArchive(await plainTar(await open()), Arch)
    const content = await plainTar(await open())
    try {
      await this.#gate.together(async () => await this.#give(what, content, key))
    } finally {
      content.destroy()
    }
    if (!(await this.has(key)))
      throw new Error(`the Docker Engine took the image ${key} but does not have it`)
  }

  async #give(what: ArchiveKind, content: Readable, key: ImageKey): Promise<void> {
    const { client, cloud } = this.#host
    const answer =
      what.kind === 'rootfs'
        ? await client.open('POST', '/images/create', {
            query: { fromSrc: '-', repo: imageRepository(cloud), tag: imageTag(key) },
            upload: content,
            timeoutMs: 0,
          })
        : await client.open('POST', '/images/load', {
            query: { quiet: true },
            upload: withOnlyTag(content, what.manifest, this.reference(key)),
            timeoutMs: 0,
          })
    // The status is sent before the work: a refusal comes as a line of the answer.
    for await (const { error } of jsonLines<Progress>(answer)) {
      if (error !== undefined)
        throw cloudError('badRequest', `The Docker Engine refuses the image: ${error}`)
    }
  }

  /** A used image cannot be deleted, but it can lose the name under which it is found. */
  async #hide(key: ImageKey): Promise<void> {
    const [repo, tag] = [imageRepository(this.#host.cloud), `gone-${imageTag(key)}`]
    await this.#host.client.send('POST', `/images/${this.reference(key)}/tag`, {
      query: { repo, tag },
    })
    await this.delete(this.reference(key))
    this.#gone.add(`${repo}:${tag}`)
  }
}

/** Recognised by its code: the caller loads the image again. */
export function imageMissing(key: ImageKey, cause: unknown): CloudError {
  return cloudError('notFound', `The engine has no image ${key}`, { code: 'imageMissing', cause })
}
