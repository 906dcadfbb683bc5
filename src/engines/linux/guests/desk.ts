import type { Socket } from 'node:net'
import type { GuestServices } from '../../../ports/guest-services.ts'
import type { NetworkLog } from '../log.ts'
import { DHCPV6_SERVERS } from '../filters.ts'
import { BRIDGE, ROUTER_METADATA_PORT, type Names } from '../names.ts'
import type { Namespaces } from '../namespaces.ts'
import { Allowance } from './allowance.ts'
import { serveDhcp } from './dhcp-server.ts'
import { serveDhcpv6 } from './dhcpv6-server.ts'
import { Doors } from './doors.ts'
import { Forwarder } from './forward.ts'
import { NameServer } from './name-server.ts'

const QUESTIONS_PER_SECOND = 500
const QUESTIONS_AT_ONCE = 1000

/** Which network a router's leg with this address is in. */
type NetworkOfLeg = (routerId: string, address: string) => string | undefined

/** Serves the guests of every network from this one process. */
export class GuestDesk {
  readonly #doors: Doors
  readonly #names: Names
  readonly #networkOfLeg: NetworkOfLeg
  readonly #nameServer: NameServer
  readonly #log: NetworkLog

  constructor(namespaces: Namespaces, names: Names, log: NetworkLog, networkOfLeg: NetworkOfLeg) {
    this.#doors = new Doors(namespaces)
    this.#names = names
    this.#networkOfLeg = networkOfLeg
    this.#log = log
    this.#nameServer = new NameServer(new Forwarder(), log)
  }

  /** One that begins or ceases to speak IPv6 is served anew. */
  async serveNetwork(
    networkId: string,
    services: GuestServices,
    speaksIpv6: boolean,
  ): Promise<void> {
    const allowance = new Allowance(QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE)
    const guests = { networkId, services, allowance }
    await this.#doors.open(this.#names.network(networkId), {
      tcp: {
        'tcp/80': (connection) => welcome(connection, networkId, services),
        'tcp/53': (connection) => this.#nameServer.tcp(connection, guests),
      },
      udp: {
        'udp/53': (socket) => this.#nameServer.udp(socket, guests),
        'udp4/67': (socket) => serveDhcp(socket, guests, this.#log),
        ...(speaksIpv6 && {
          [`udp/547/${DHCPV6_SERVERS}%${BRIDGE}`]: (socket) =>
            serveDhcpv6(socket, guests, this.#log),
        }),
      },
    })
  }

  /** The redirection gives a connection the address of the leg it came in by: that tells its network. */
  async serveRouter(routerId: string, services: Pick<GuestServices, 'metadata'>): Promise<void> {
    await this.#doors.open(this.#names.router(routerId), {
      tcp: {
        [`tcp/${ROUTER_METADATA_PORT}`]: (connection) => {
          const leg = plain(() => connection.localAddress)
          welcome(connection, this.#networkOfLeg(routerId, leg), services)
        },
      },
      udp: {},
    })
  }

  /** Its bridge may be another than it was. */
  doubtNetwork(id: string): void {
    this.#doors.doubt(this.#names.network(id))
  }

  async leaveNetwork(id: string): Promise<void> {
    await this.#doors.close(this.#names.network(id))
  }

  async leaveRouter(id: string): Promise<void> {
    await this.#doors.close(this.#names.router(id))
  }

  async close(): Promise<void> {
    await this.#doors.closeAll()
  }
}

function welcome(
  connection: Socket,
  networkId: string | undefined,
  services: Pick<GuestServices, 'metadata'>,
): void {
  const address = plain(() => connection.remoteAddress)
  // without an address it is gone before it was looked at, or cannot be told from others
  if (networkId === undefined || address === '') connection.destroy()
  else services.metadata(connection, { networkId, address })
}

/**
 * A socket for both families calls IPv4 addresses `::ffff:10.0.0.5`, and link-local ones by their link too. That link's name
 * Node looks up in this process's own namespace; where no link has the number there it throws, and the address is not to be had.
 */
function plain(addressOf: () => string | undefined): string {
  try {
    return (addressOf() ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
  } catch {
    return ''
  }
}
