import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { BuildWish, BuiltImage } from '../../ports/image-builds.ts'
import { plainTar } from './archive.ts'
import { checkedContext } from './build-context.ts'
import { isDockerError, jsonLines } from './client.ts'
import { limitsConfigOfBuild } from './container-config.ts'
import type { Images } from './images.ts'
import type { DockerHost } from './names.ts'

/**
 * Builds by the engine's own (classic) builder, which needs nothing but a tar. It ends a build whose connection closes and
 * removes its containers; the layers that a failed build leaves behind are taken away here.
 */
interface Line {
  readonly stream?: string
  readonly status?: string
  readonly id?: string
  readonly error?: string
  readonly aux?: { readonly ID?: string }
}

export async function buildImage(
  host: DockerHost,
  images: Images,
  context: Readable,
  wish: BuildWish,
): Promise<BuiltImage> {
  const tag = images.nameBuild()
  const layers: string[] = []
  try {
    await build(host, context, wish, tag, layers)
    const made = await host.client.call<{ Size: number }>('GET', `/images/${tag}/json`)
    return { id: tag, sizeBytes: made.Size }
  } catch (error) {
    await images.removeBuilt(tag)
    await dropLayers(host, images, layers)
    wish.signal?.throwIfAborted()
    throw refusal(error)
  } finally {
    context.destroy()
  }
}

async function build(
  host: DockerHost,
  context: Readable,
  wish: BuildWish,
  tag: string,
  layers: string[],
): Promise<void> {
  wish.signal?.throwIfAborted()
  const answer = await host.client.open('POST', '/build', {
    query: queryOf(wish, tag),
    upload: checkedContext(await plainTar(context), wish),
    timeoutMs: 0,
    ...(wish.signal === undefined ? {} : { signal: wish.signal }),
  })
  for await (const line of jsonLines<Line>(answer)) {
    const layer = /^ ---> ([0-9a-f]{12})\n?$/.exec(line.stream ?? '')?.[1]
    if (layer !== undefined) layers.push(layer)
    for (const text of wordsOf(line)) wish.onLine?.(text)
    if (line.error !== undefined) throw cloudError('badRequest', line.error)
  }
}

function queryOf(
  wish: BuildWish,
  tag: string,
): Record<string, string | number | boolean | undefined> {
  const { memoryMiB, vcpus } = wish
  return {
    t: tag,
    dockerfile: wish.dockerfile,
    buildargs: wish.args === undefined ? undefined : JSON.stringify(wish.args),
    labels: wish.labels === undefined ? undefined : JSON.stringify(wish.labels),
    target: wish.target,
    nocache: wish.noCache === true,
    pull: wish.pull === true ? '1' : undefined,
    rm: true,
    forcerm: true,
    networkmode: wish.network,
    ...limitsConfigOfBuild(memoryMiB, vcpus),
  }
}

/** Progress bars of layers being fetched are no lines. */
function wordsOf({ stream, status, id, error }: Line): readonly string[] {
  if (error !== undefined) return [error]
  if (stream !== undefined) return stream.split('\n').filter((text) => text.trim() !== '')
  const bar = status === undefined || /^(Downloading|Extracting|Waiting)/.test(status)
  return bar ? [] : [id === undefined ? status : `${id}: ${status}`]
}

/** After a build was cut off its last container may live on for a moment, and hold its layer. */
const LONGEST_END_MS = 10_000
const LOOK_MS = 200

/** The last layer goes with those it stands on, as far as nobody else has a use for them; a base image has a name and stays. */
async function dropLayers(
  host: DockerHost,
  images: Images,
  layers: readonly string[],
): Promise<void> {
  for (const layer of layers.toReversed()) {
    const found = await host.client.find<{
      RepoTags: string[] | null
      RepoDigests: string[] | null
    }>(`/images/${layer}/json`)
    if (found === undefined) continue
    if ((found.RepoTags ?? []).length + (found.RepoDigests ?? []).length > 0) return
    await dropLayer(images, layer)
  }
}

/** One that another build stands on stays. */
async function dropLayer(images: Images, layer: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < LONGEST_END_MS; waitedMs += LOOK_MS) {
    try {
      return await images.delete(layer)
    } catch (error) {
      if (!isDockerError(error, 409)) throw error
      if (!/container/.test(error.message)) return
    }
    await sleep(LOOK_MS)
  }
}

function refusal(error: unknown): unknown {
  const wrong = isDockerError(error) && error.status < 500
  const said = isDockerError(error) && /dockerfile|build|parse|tar|gzip/i.test(error.message)
  if (!wrong && !said) return error
  return cloudError('badRequest', error.message, { cause: error })
}
