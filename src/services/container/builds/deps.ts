import type { EngineImages } from '../../../ports/engine-images.ts'
import type { ImageBuilds } from '../../../ports/image-builds.ts'
import type { ImageStore } from '../../../ports/image-store.ts'
import type { ImageFace } from '../../image/face.ts'

/** What builds need: an engine that builds, a place for the files meanwhile, Glance for the result. */
export interface BuildDeps {
  readonly builder: ImageBuilds & Pick<EngineImages, 'openEngineImage'>
  readonly contexts: ImageStore
  readonly image: ImageFace
  /** The longest that one may take. */
  readonly limitMs: number
  /** The most that may be sent. */
  readonly maxContextBytes: number
}
