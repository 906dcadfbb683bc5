import type { Readable } from 'node:stream'

/**
 * Images that the engine knows by a name and fetches from registries by itself, beside those that are given to it by their
 * digest. As an `ImageKey` such a name is written `docker:<reference>`. Names of the cloud's own images (`stackyard/…`)
 * are not to be seen here: nobody may get at another project's image by guessing.
 */
export interface EngineImages {
  findImage(reference: string): Promise<EngineImage | undefined>
  listImages(): Promise<readonly EngineImage[]>
  /**
   * Fetches what the name stands for now. Fails with the registry's reason (`badRequest`), within 15 s when nothing answers;
   * aborting `signal` ends it. What was fetched so far is used by the next try.
   */
  pullImage(reference: string, options?: PullOptions): Promise<EngineImage>
  /** Asks the public registry; `unavailable` when it does not answer. */
  searchImages(term: string, limit?: number): Promise<readonly FoundImage[]>
  /** Takes the name away and, when it was the last, the image. `conflict` while containers use it, `notFound` when there is none. */
  removeNamedImage(reference: string): Promise<void>
  /** As a `docker save` tar: by name, or by the id that a build answered. */
  openEngineImage(reference: string): Promise<Readable>
}

export interface PullOptions {
  readonly auth?: RegistryAuth
  onProgress?(progress: PullProgress): void
  readonly signal?: AbortSignal
}

/** Never logged, never stored by an engine. */
export interface RegistryAuth {
  /** e.g. `registry.example.org:5000` */
  readonly server: string
  readonly username: string
  readonly password: string
}

export interface PullProgress {
  readonly layers: number
  readonly layersDone: number
  /** Of the layers whose size is known so far. */
  readonly bytes: number
  readonly totalBytes: number
}

export interface EngineImage {
  /** The engine's own id of the content, `sha256:…`. */
  readonly id: string
  /** `name:tag`, all of them. */
  readonly tags: readonly string[]
  /** `name@sha256:…`, as its registry knows it. */
  readonly digests: readonly string[]
  readonly sizeBytes: number
  /** What it runs unless told otherwise. */
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
}

export interface FoundImage {
  readonly name: string
  readonly description: string
  readonly stars: number
  readonly official: boolean
  readonly automated: boolean
}
