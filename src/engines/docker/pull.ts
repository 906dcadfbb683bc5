import { parseImageReference } from '../../kernel/archive/reference.ts'
import { cloudError, reasonOf } from '../../kernel/errors/cloud-error.ts'
import type {
  EngineImage,
  PullOptions,
  PullProgress,
  RegistryAuth,
} from '../../ports/engine-images.ts'
import { isDockerError, jsonLines } from './client.ts'
import { findImage } from './named-images.ts'
import { plainReference, type DockerHost } from './names.ts'

/** How long a registry may say nothing before the first word of it; and between two. */
const FIRST_WORD_MS = 14_000
const SILENCE_MS = 120_000

interface Line {
  readonly id?: string
  readonly status?: string
  readonly error?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

/** What the engine says a registry said, while it fetches. */
class Refused extends Error {}

/**
 * Fetches an image from its registry. Who stops listening stops it: the engine drops what it was asked over a closed connection,
 * except that it knocks at a silent registry some times more (20.10: for less than a minute).
 */
export async function pullImage(
  host: DockerHost,
  reference: string,
  options: PullOptions = {},
): Promise<EngineImage> {
  const whole = plainReference(reference)
  const silence = new AbortController()
  const patience = setTimeout(() => silence.abort(), FIRST_WORD_MS)
  try {
    await pull(host, whole, options, silence.signal, () => clearTimeout(patience))
  } catch (error) {
    options.signal?.throwIfAborted()
    const silent = silence.signal.aborted
    // no word of the registry's: the engine itself is away, and may return
    if (!silent && !(error instanceof Refused) && !isDockerError(error)) throw error
    throw refusal(whole, error, silent)
  } finally {
    clearTimeout(patience)
  }
  const found = await findImage(host, whole)
  if (found === undefined)
    throw new Error(`the Docker Engine fetched ${whole} but does not have it`)
  return found
}

async function pull(
  host: DockerHost,
  whole: string,
  options: PullOptions,
  silence: AbortSignal,
  heard: () => void,
): Promise<void> {
  const { name, tag, digest } = parseImageReference(whole)
  const answer = await host.client.open('POST', '/images/create', {
    query: { fromImage: name, tag: digest ?? tag },
    timeoutMs: SILENCE_MS,
    signal: options.signal === undefined ? silence : AbortSignal.any([options.signal, silence]),
    ...(options.auth === undefined
      ? {}
      : { headers: { 'x-registry-auth': registryAuth(options.auth) } }),
  })
  const layers = new Layers()
  for await (const line of jsonLines<Line>(answer)) {
    heard()
    if (line.error !== undefined) throw new Refused(line.error)
    layers.hear(line)
    options.onProgress?.(layers.progress)
  }
}

/** In the URL-safe alphabet, as the engine wants it. */
export function registryAuth({ server, username, password }: RegistryAuth): string {
  return Buffer.from(JSON.stringify({ username, password, serveraddress: server })).toString(
    'base64url',
  )
}

/** Trying again cannot help: there is no such image, no right to it, or no way to its registry. */
function refusal(whole: string, error: unknown, silent: boolean): Error {
  const { server } = parseImageReference(whole)
  const said = silent
    ? `the registry ${server} does not answer`
    : isDockerError(error)
      ? error.message
      : reasonOf(error)
  return cloudError('badRequest', `Cannot pull ${whole}: ${said}`, { cause: error })
}

class Layers {
  readonly #layers = new Map<string, { done: boolean; bytes: number; total: number }>()

  hear({ id, status = '', progressDetail = {} }: Line): void {
    if (id === undefined || !/^[0-9a-f]{12}$/.test(id)) return
    const layer = this.#layers.get(id) ?? { done: false, bytes: 0, total: 0 }
    if (/^(Pull complete|Already exists)/.test(status)) layer.done = true
    // extracting counts the same bytes a second time
    if (status === 'Downloading') layer.bytes = progressDetail.current ?? layer.bytes
    if (status === 'Downloading') layer.total = progressDetail.total ?? layer.total
    if (/^(Download|Pull) complete/.test(status)) layer.bytes = layer.total
    this.#layers.set(id, layer)
  }

  get progress(): PullProgress {
    const all = [...this.#layers.values()]
    return {
      layers: all.length,
      layersDone: all.filter(({ done }) => done).length,
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
      totalBytes: all.reduce((sum, { total }) => sum + total, 0),
    }
  }
}
