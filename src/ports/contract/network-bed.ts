import type { NetworkPort } from '../network.ts'

/** What a suite needs of an engine: the port, namespaces to plug into, an external network free to use, and an end. */
export interface NetworkBed {
  readonly port: NetworkPort
  /** A new, empty namespace. */
  netns(): Promise<string>
  readonly external: {
    readonly cidr: string
    readonly gateway: string
    readonly address: string
    readonly floating: string
    /** A second subnet. */
    readonly six: { readonly cidr: string; readonly gateway: string; readonly address: string }
  }
  close(): Promise<void>
}
