import type { BuildEngine } from './builds/deps.ts'
import type { ComputeFace } from '../compute/face.ts'
import type { IdentityFace } from '../identity/face.ts'
import type { ImageFace } from '../image/face.ts'
import type { NetworkFace } from '../network/face.ts'
import type { WorkloadFace } from '../workload/face.ts'

import type { Secrets } from '../../kernel/secrets/secrets.ts'

/** What the container service asks of the services to its left, and where it runs. */
export interface ContainerDeps {
  readonly identity: IdentityFace
  readonly image: ImageFace
  readonly network: NetworkFace
  readonly workload: WorkloadFace
  readonly compute: ComputeFace
  readonly builds: BuildEngine
  /** Seals passwords of registries. */
  readonly secrets: Secrets
  /** The one host of this process: rows that live on a host name it. */
  readonly hostName: string
  readonly zone: string
  /** Within what the names of containers may not repeat; Zun's default is none. */
  readonly uniqueNames: 'none' | 'project' | 'global'
}
