import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { extract } from 'tar-stream'
import { dockerArchive } from '../../kernel/archive/docker-archive.ts'
import { parseImageReference } from '../../kernel/archive/reference.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { EngineImage, EngineImages, RegistryAuth } from '../../ports/engine-images.ts'
import type { BuildWish, ImageBuilds } from '../../ports/image-builds.ts'

const OWN = /^stackyard\//
const SENTINEL = { build: 'fail-build', pull: 'fail-pull' } as const

/** Why a registry does not give an image; undefined when it does. */
export type FakeRegistry = (reference: string, auth: RegistryAuth | undefined) => string | undefined

/** A registry that has every image but those whose name holds `fail-pull`; nothing listens at port 1. */
export const usualRegistry: FakeRegistry = (reference) => {
  if (reference.includes(SENTINEL.pull)) return 'manifest unknown'
  return /:1\//.test(reference) ? 'connection refused' : undefined
}

export interface FakeImagesOptions {
  registry(): FakeRegistry
  delayMs(): number
  inUse(reference: string): boolean
}

/** Images by name, in memory. */
export class FakeImages {
  readonly #options: FakeImagesOptions
  readonly #images = new Map<string, EngineImage>()
  #builds = 0

  constructor(options: FakeImagesOptions) {
    this.#options = options
  }

  has(reference: string): boolean {
    return this.#images.has(plain(reference))
  }

  get calls(): EngineImages & ImageBuilds {
    return {
      findImage: async (reference) => this.#images.get(plain(reference)),
      listImages: async () =>
        [...this.#images].flatMap(([name, one]) => (OWN.test(name) ? [] : one)),
      pullImage: async (reference, options = {}) => {
        const whole = plain(reference)
        for (let layersDone = 0; layersDone <= 2; layersDone += 1) {
          await pause(this.#options.delayMs(), options.signal)
          const reason = this.#options.registry()(whole, options.auth)
          if (reason !== undefined)
            throw cloudError('badRequest', `Cannot pull ${whole}: ${reason}`)
          options.onProgress?.({ layers: 2, layersDone, bytes: layersDone * 50, totalBytes: 100 })
        }
        return this.#add(whole)
      },
      searchImages: async (term, limit = 25) =>
        [{ name: term, description: '', stars: 1, official: true, automated: false }].slice(
          0,
          limit,
        ),
      removeNamedImage: async (reference) => this.#remove(plain(reference)),
      openEngineImage: async (reference) => {
        const name = OWN.test(reference) ? reference : plain(reference)
        const image = this.#images.get(name)
        if (image === undefined) throw cloudError('notFound', `There is no image ${reference}`)
        const config = { Cmd: image.command ?? [] }
        return Readable.from([await dockerArchive({ architecture: 'amd64', config, files: [] })])
      },
      buildImage: async (context, wish) => await this.#build(context, wish),
      removeBuiltImage: async (id) => {
        this.#images.delete(id)
      },
    }
  }

  #add(whole: string, more: Partial<EngineImage> = {}): EngineImage {
    const image: EngineImage = {
      id: `sha256:${createHash('sha256').update(whole).digest('hex')}`,
      tags: [whole],
      digests: [],
      sizeBytes: 1_000_000,
      command: ['sh'],
      ...more,
    }
    this.#images.set(whole, image)
    return image
  }

  #remove(whole: string): void {
    if (!this.#images.has(whole)) throw cloudError('notFound', `There is no image ${whole}`)
    if (this.#options.inUse(whole)) throw cloudError('conflict', `The image ${whole} is in use`)
    this.#images.delete(whole)
  }

  async #build(context: Readable, wish: BuildWish): Promise<{ id: string; sizeBytes: number }> {
    const lines = (await dockerfileIn(context, wish.dockerfile ?? 'Dockerfile'))
      .split('\n')
      .filter((line) => line.trim() !== '')
    for (const [index, line] of lines.entries()) {
      wish.onLine?.(`Step ${index + 1}/${lines.length} : ${line}`)
      await pause(this.#options.delayMs(), wish.signal)
      if (line.includes(SENTINEL.build) || !/^[A-Z]+ /.test(line))
        throw cloudError('badRequest', `The fake engine cannot do: ${line}`)
    }
    this.#builds += 1
    const id = `stackyard/fake:build-${this.#builds}`
    const command = /^CMD (.*)$/m.exec(lines.join('\n'))?.[1]
    const { sizeBytes } = this.#add(id, command === undefined ? {} : { command: [command] })
    return { id, sizeBytes }
  }
}

/** Ends early, with its reason, when the signal aborts. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
  signal?.throwIfAborted()
}

/** As the real engine asks for it. */
function plain(reference: string): string {
  const { name, whole } = parseImageReference(reference)
  if (!OWN.test(name)) return whole
  throw cloudError('badRequest', `'${reference}' is a name that the cloud keeps for itself`)
}

async function dockerfileIn(context: Readable, path: string): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of context) chunks.push(Buffer.from(chunk))
  const reader = extract()
  reader.end(Buffer.concat(chunks))
  let found: string | undefined
  try {
    for await (const entry of reader) {
      const parts: Buffer[] = []
      for await (const part of entry) if (Buffer.isBuffer(part)) parts.push(part)
      if (entry.header.name.replace(/^\.\//, '') === path) found = Buffer.concat(parts).toString()
    }
  } catch (error) {
    throw cloudError('badRequest', 'The context is not a tar archive', { cause: error })
  }
  if (found === undefined) throw cloudError('badRequest', `Cannot locate Dockerfile: ${path}`)
  return found
}
