import { canonicalIp } from '../addressing/address.ts'
import { invalidInput, neutronError } from '../fault.ts'

/** A port of the host that leads to one of the guest's. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp'
  /** `0.0.0.0` and `::` are every address of the host. */
  readonly hostAddress: string
  readonly hostPort: number
  readonly port: number
}

export interface PublishedPortWish {
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  /** Default: every address of the host. */
  readonly hostAddress?: string
  /** 0 or nothing: any free one. */
  readonly hostPort?: number
  /** With it, the first free one from `hostPort` to this. */
  readonly hostPortEnd?: number
}

export type HostPort = Pick<PublishedPort, 'protocol' | 'hostAddress' | 'hostPort'>

/** Where ports are chosen that nobody asked for by number: the range that Linux itself takes them from. */
const FIRST = 32_768
const LAST = 60_999

const isEvery = (address: string): boolean => address === '0.0.0.0' || address === '::'

export const clash = (one: HostPort, other: HostPort): boolean =>
  one.protocol === other.protocol &&
  one.hostPort === other.hostPort &&
  (one.hostAddress === other.hostAddress || isEvery(one.hostAddress) || isEvery(other.hostAddress))

/**
 * Which ports of the host these wishes get; pure. `taken` belongs to others. What was chosen before (`had`) stays for the same
 * wish, so that asking again changes nothing.
 */
export function choosePorts(
  wishes: readonly PublishedPortWish[],
  taken: readonly HostPort[],
  had: readonly PublishedPort[] = [],
): readonly PublishedPort[] {
  const chosen: PublishedPort[] = []
  for (const wish of wishes) {
    const hostAddress = addressOf(wish)
    const [first, last] = rangeOf(wish)
    const of = (hostPort: number): PublishedPort => ({
      protocol: wish.protocol,
      hostAddress,
      hostPort,
      port: checked(wish.port, 1),
    })
    const isFree = (candidate: HostPort): boolean =>
      ![...taken, ...chosen].some((other) => clash(candidate, other))
    const before = had.find(
      (each) =>
        isDeepSame(each, of(each.hostPort)) && each.hostPort >= first && each.hostPort <= last,
    )
    chosen.push(
      before !== undefined && isFree(before) ? before : firstFree(first, last, of, isFree),
    )
  }
  return chosen
}

function firstFree(
  first: number,
  last: number,
  of: (hostPort: number) => PublishedPort,
  isFree: (candidate: HostPort) => boolean,
): PublishedPort {
  for (let port = first; port <= last; port++) {
    const candidate = of(port)
    if (isFree(candidate)) return candidate
  }
  const which = first === last ? String(first) : `${first}-${last}`
  throw neutronError(
    'conflict',
    'HostPortInUse',
    `Bind for ${of(first).hostAddress}:${which} failed: port is already allocated`,
  )
}

const isDeepSame = (one: PublishedPort, other: PublishedPort): boolean =>
  clash(one, other) && one.hostAddress === other.hostAddress && one.port === other.port

function rangeOf(wish: PublishedPortWish): readonly [number, number] {
  const first = checked(wish.hostPort ?? 0, 0)
  if (first === 0) return [FIRST, LAST]
  const last = checked(wish.hostPortEnd ?? 0, 0)
  return [first, last === 0 ? first : Math.max(first, last)]
}

function checked(port: number, least: number): number {
  if (Number.isInteger(port) && port >= least && port <= 65_535) return port
  throw invalidInput(`'${port}' is not a port number.`)
}

function addressOf({ hostAddress }: PublishedPortWish): string {
  if (hostAddress === undefined || hostAddress === '') return '0.0.0.0'
  const address = canonicalIp(hostAddress)
  if (address === undefined)
    throw invalidInput(`'${hostAddress.slice(0, 64)}' is not an address of the host.`)
  return address
}
