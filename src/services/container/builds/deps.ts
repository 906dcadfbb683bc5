import type { EngineImages } from '../../../ports/engine-images.ts'
import type { ImageBuilds } from '../../../ports/image-builds.ts'
import type { ImageStore } from '../../../ports/image-store.ts'
import type { ImageFace } from '../../image/face.ts'

/** What builds need of the world: an engine that builds, and a place for the files meanwhile. */
export interface BuildEngine {
  readonly builder: ImageBuilds & Pick<EngineImages, 'openEngineImage'>
  readonly contexts: ImageStore
  /** The longest that one may take. */
  readonly limitMs: number
  /** The most that may be sent. */
  readonly maxContextBytes: number
}

/** And Glance, for the result. */
export interface BuildDeps extends BuildEngine {
  readonly image: ImageFace
}
