import { createHash } from 'node:crypto'
import { parseImageReference } from '../../../kernel/archive/reference.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { EngineImage } from '../../../ports/engine-images.ts'
import { linksOf } from '../wire/links.ts'
import type { PullRow } from './store.ts'

/** An image under one of its names, or one that is being fetched. */
export interface NamedImage {
  readonly id: string
  readonly repo: string
  readonly tag: string
  readonly image: EngineImage | undefined
  readonly pull: PullRow | undefined
}

/** The same for ever for the same name: clients keep it from the pull on. */
function idOfName(whole: string): string {
  const hex = createHash('sha256').update(`stackyard container image ${whole}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function namesOf(image: EngineImage): readonly NamedImage[] {
  return image.tags.map((whole) => ({ ...partsOf(whole), image, pull: undefined }))
}

export function pullOf(pull: PullRow): NamedImage {
  return { id: pull.id, repo: pull.repo, tag: pull.tag, image: undefined, pull }
}

/** Name and tag (or digest) of a reference, and the id it goes by. */
export function partsOf(reference: string): {
  readonly id: string
  readonly repo: string
  readonly tag: string
} {
  const { name, tag, digest, whole } = parseImageReference(reference)
  return { id: idOfName(whole), repo: name, tag: tag ?? digest ?? 'latest' }
}

export function imageView(
  req: Pick<Req, 'serviceUrl'>,
  host: string,
  { id, repo, tag, image, pull }: NamedImage,
): Record<string, unknown> {
  const waiting = pull?.error === null ? 'pulling' : 'error'
  return {
    uuid: id,
    links: linksOf(req, 'images', id),
    image_id: image?.id ?? null,
    repo,
    tag,
    size: image === undefined ? null : String(image.sizeBytes),
    project_id: pull?.project_id ?? null,
    image_pull_policy: null,
    host,
    // ours: how far it is
    status: image === undefined ? waiting : 'present',
    status_reason: pull?.error ?? null,
  }
}
