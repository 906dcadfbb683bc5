import type { ContainerEngine } from '../../ports/container-engine.ts'
import type { ImageFace } from '../image/face.ts'
import type { NetworkFace } from '../network/face.ts'
import type { WorkloadFace } from './face.ts'

export interface WorkloadDeps {
  readonly compute: ContainerEngine
  readonly network: NetworkFace
  readonly image: ImageFace
  readonly hostName: string
  /** Who knows names and passwords of registries, once somebody said so. */
  readonly pulls: { credentials?: Parameters<WorkloadFace['onPull']>[0] }
}
