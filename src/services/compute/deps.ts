import type { IdentityFace } from '../identity/face.ts'
import type { ImageFace } from '../image/face.ts'
import type { NetworkFace } from '../network/face.ts'
import type { WorkloadFace } from '../workload/face.ts'
import type { VendorData } from './metadata/guest.ts'

/** What the compute service asks of the services to its left, and where it runs. */
export interface ComputeDeps {
  readonly identity: IdentityFace
  readonly image: ImageFace
  readonly network: NetworkFace
  readonly workload: WorkloadFace
  /** The one host of this process: rows that live on a host name it. */
  readonly hostName: string
  readonly zone: 'nova'
  /** What the operator tells every guest. */
  readonly vendorData: VendorData
}
