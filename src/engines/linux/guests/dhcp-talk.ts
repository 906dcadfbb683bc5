import type { Socket as UdpSocket } from 'node:dgram'
import type { GuestServices } from '../../../ports/guest-services.ts'
import type { NetworkLog } from '../log.ts'
import type { Allowance } from './allowance.ts'

export interface DhcpGuests {
  readonly networkId: string
  readonly services: Pick<GuestServices, 'lease' | 'lease6'>
  readonly allowance: Allowance
}

export interface Answer {
  readonly message: Buffer
  readonly to: string
}

/** One version of DHCP: who hears the answers, what is a request, and what to say to it. */
export interface Dialect<Request> {
  readonly clientPort: number
  readonly read: (message: Buffer) => Request | undefined
  /** `unknown` collects the port's own options that cannot be said. */
  readonly answer: (
    request: Request,
    from: string,
    unknown: string[],
  ) => Promise<Answer | undefined>
}

/** Answers what comes as long as the socket is open; what is no request or beyond the allowance is not heard. */
export function talk<Request>(
  socket: UdpSocket,
  { networkId, allowance }: DhcpGuests,
  { clientPort, read, answer }: Dialect<Request>,
  log: NetworkLog,
): void {
  const respond = async (request: Request, from: string): Promise<void> => {
    const unknown: string[] = []
    const said = await answer(request, from, unknown)
    if (unknown.length > 0)
      log.debug({ network: networkId, options: unknown }, 'DHCP options that nobody knows')
    // closed in the meantime, or its client is gone: nobody waits for it
    if (said !== undefined) socket.send(said.message, clientPort, said.to, () => undefined)
  }
  socket.on('message', (message, from) => {
    const request = read(message)
    if (request === undefined || !allowance.take()) return
    respond(request, from.address).catch((error: unknown) =>
      log.debug({ err: error, network: networkId }, 'answering a DHCP client'),
    )
  })
}
