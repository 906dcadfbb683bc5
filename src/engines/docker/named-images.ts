import type { Readable } from 'node:stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { EngineImage, FoundImage } from '../../ports/engine-images.ts'
import { isDockerError } from './client.ts'
import type { Images } from './images.ts'
import { OWN_NAMES, plainReference, type DockerHost } from './names.ts'

/** Images under the names that people gave them. Those that this engine gives (`stackyard/…`) are not to be seen here. */
const SEARCH_LIMIT = 25
const PATIENCE_MS = 14_000

interface Listed {
  readonly Id: string
  readonly RepoTags: readonly string[] | null
  readonly RepoDigests: readonly string[] | null
  readonly Size: number
  readonly Config?: {
    readonly Entrypoint: readonly string[] | null
    readonly Cmd: readonly string[] | null
  } | null
}

export async function findImage(
  host: DockerHost,
  reference: string,
): Promise<EngineImage | undefined> {
  const found = await host.client.find<Listed>(`/images/${plainReference(reference)}/json`)
  return found === undefined ? undefined : view(found)
}

export async function listImages(host: DockerHost): Promise<readonly EngineImage[]> {
  const found = await host.client.call<Listed[]>('GET', '/images/json', {
    query: { digests: true },
  })
  return found.map(view).filter(({ tags, digests }) => tags.length > 0 || digests.length > 0)
}

export async function searchImages(
  host: DockerHost,
  term: string,
  limit = SEARCH_LIMIT,
): Promise<readonly FoundImage[]> {
  try {
    const found = await host.client.call<
      {
        readonly name: string
        readonly description: string
        readonly star_count: number
        readonly is_official: boolean
        readonly is_automated: boolean
      }[]
    >('GET', '/images/search', {
      query: { term, limit: Math.max(1, Math.min(100, limit)) },
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    return found.map((one) => ({
      name: one.name,
      description: one.description,
      stars: one.star_count,
      official: one.is_official,
      automated: one.is_automated,
    }))
  } catch (error) {
    const said = isDockerError(error) ? error.message : 'it does not answer'
    throw cloudError('unavailable', `The registry cannot be searched: ${said}`, { cause: error })
  }
}

export async function removeNamedImage(
  host: DockerHost,
  images: Images,
  reference: string,
): Promise<void> {
  const whole = plainReference(reference)
  if ((await findImage(host, whole)) === undefined)
    throw cloudError('notFound', `There is no image ${whole}`)
  try {
    await images.delete(whole)
  } catch (error) {
    if (!isDockerError(error, 409)) throw error
    throw cloudError('conflict', `The image ${whole} is in use`, { cause: error })
  }
}

/** `reference` may be what a build answered. */
export async function openEngineImage(
  host: DockerHost,
  images: Images,
  reference: string,
): Promise<Readable> {
  const name = images.isBuilt(reference) ? reference : plainReference(reference)
  const found = await host.client.find<Listed>(`/images/${name}/json`)
  if (found === undefined) throw cloudError('notFound', `There is no image ${reference}`)
  // by id, so that the archive brings no names
  return await host.client.open('GET', `/images/${found.Id}/get`, { timeoutMs: 0 })
}

function view(image: Listed): EngineImage {
  const { Config } = image
  const shown = (names: readonly string[] | null): readonly string[] =>
    (names ?? []).filter((name) => !OWN_NAMES.test(name) && !name.startsWith('<none>'))
  return {
    id: image.Id,
    tags: shown(image.RepoTags),
    digests: shown(image.RepoDigests),
    sizeBytes: image.Size,
    ...(Config?.Entrypoint == null ? {} : { entrypoint: Config.Entrypoint }),
    ...(Config?.Cmd == null ? {} : { command: Config.Cmd }),
  }
}
