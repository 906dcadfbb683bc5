import { asCloud, type Ctx } from '../../../kernel/ctx/ctx.ts'
import type { GuestPeer, GuestServices } from '../../../ports/guest-services.ts'
import { lease6For, leaseFor } from './lease.ts'
import { resolveName, type ResolverSettings } from './resolve.ts'

type Accept = GuestServices['metadata']

/**
 * What the engine asks on behalf of guests, answered from the tables: nothing is prepared, so a name or an address is known
 * from the moment its port is. Metadata goes to whoever registered for it.
 */
export class Guests {
  readonly #settings: ResolverSettings
  #accept: Accept | undefined

  constructor(settings: ResolverSettings) {
    this.#settings = settings
  }

  onMetadata(accept: Accept): void {
    this.#accept = accept
  }

  /** The answers outlive the request or reconcile run whose context this is. */
  services(ctx: Ctx): GuestServices {
    const lasting = { ...asCloud(ctx), signal: new AbortController().signal }
    return {
      metadata: (socket, from: GuestPeer) => {
        if (this.#accept === undefined) socket.destroy()
        else this.#accept(socket, from)
      },
      resolve: async (networkId, question) =>
        await resolveName(lasting, this.#settings, networkId, question),
      lease: async (networkId, asker) =>
        await leaseFor(lasting, this.#settings.cloudDomain, networkId, asker),
      lease6: async (networkId, asker) =>
        await lease6For(lasting, this.#settings.cloudDomain, networkId, asker),
    }
  }
}
