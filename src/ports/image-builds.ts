import type { Readable } from 'node:stream'

/** Images made from a Dockerfile and the files beside it. */
export interface ImageBuilds {
  /**
   * Builds from a tar (plain or compressed) and answers the image. What the build says comes line
   * by line. A Dockerfile that is wrong or a step that fails is `badRequest` with the builder's reason; aborting `signal` kills
   * the build. A failed build leaves neither containers nor images.
   */
  buildImage(context: Readable, wish: BuildWish): Promise<BuiltImage>
  /** Removes what a build made, with the layers that nothing else uses. Repeating it is success. */
  removeBuiltImage(id: string): Promise<void>
}

export interface BuildWish {
  /** Path inside the context; default `Dockerfile`. */
  readonly dockerfile?: string
  readonly args?: Readonly<Record<string, string>>
  /** The stage to build; the last by default. */
  readonly target?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly noCache?: boolean
  /** Fetch base images anew even when they are there. */
  readonly pull?: boolean
  readonly memoryMiB?: number
  readonly vcpus?: number
  /** `none`: steps of the build reach nothing. Default: the engine's own network for builds. */
  readonly network?: 'none'
  onLine?(line: string): void
  readonly signal?: AbortSignal
}

export interface BuiltImage {
  /** For `openEngineImage` and `removeBuiltImage`; good until this process ends, or it is removed. */
  readonly id: string
  readonly sizeBytes: number
}
