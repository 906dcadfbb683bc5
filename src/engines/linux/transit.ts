import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { run, tryRun } from '../../kernel/exec/run.ts'
import { overlaps, rangeOf, type Range } from './addresses.ts'
import { linkFacts, type LinkFact } from './link-facts.ts'
import { LINK_GROUP, short, TRANSIT_END, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'

/**
 * The link between the host and one tenant network that published ports are reached by, with two link-local addresses that
 * nothing else on the host has. It is there as long as a port of the network is published.
 */
export interface Transit {
  readonly link: string
  /** The host's end. */
  readonly near: string
  readonly far: string
}

/** 169.254.64.0/18, in pieces of four addresses: clear of the metadata address and of what systems give themselves. */
const FIRST = 169 * 2 ** 24 + 254 * 2 ** 16 + 64 * 2 ** 8
const PIECES = 4096

export const hasTransit = (names: Names, networkId: string): boolean =>
  existsSync(`/sys/class/net/${names.transitLink(networkId)}`)

export async function ensureTransit(
  namespaces: Namespaces,
  names: Names,
  networkId: string,
  mtu: number,
): Promise<Transit> {
  const link = names.transitLink(networkId)
  const netns = names.network(networkId)
  const host = linkFacts(JSON.parse(await run('ip', ['-j', 'addr', 'show'])) as unknown[]) // a list, by `-j`
  const own = host.find((each) => each.ifname === link)
  const [end] = linkFacts(await namespaces.show(netns, ['addr', 'show', 'dev', TRANSIT_END]))
  const [had] = own?.addresses ?? []
  if (own !== undefined && had !== undefined && end?.peerIndex === own.ifindex) {
    const pair = { link, ...pairOf(had) }
    if (end.addresses.includes(`${pair.far}/30`) && own.up && end.up) return pair
  }
  await removeTransit(names, networkId)
  if (end !== undefined) await namespaces.removeLink(netns, TRANSIT_END)
  const pair = freePair(networkId, host)
  const lines = [
    `link add dev ${link} mtu ${mtu} type veth peer name ${TRANSIT_END} mtu ${mtu} netns ${netns} group ${LINK_GROUP}`,
    `link set dev ${link} alias ${networkId} addrgenmode none up`,
    `addr add ${pair.near}/30 dev ${link}`,
  ]
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
  const inside = [
    `link set dev ${TRANSIT_END} addrgenmode none up`,
    `addr add ${pair.far}/30 dev ${TRANSIT_END}`,
  ]
  // A program of its own: one that runs on may remember the number of a link of before by this name.
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${inside.join('\n')}\n` })
  // Who asks 127.0.0.1 on the host is answered through this link.
  await writeFile(`/proc/sys/net/ipv4/conf/${link}/route_localnet`, '1\n')
  return { link, ...pair }
}

export async function removeTransit(names: Names, networkId: string): Promise<void> {
  await tryRun('ip', ['link', 'del', 'dev', names.transitLink(networkId)])
}

function pairOf(address: string): { near: string; far: string } {
  const { first } = rangeOf(address)
  return { near: text(Number(first) + 1), far: text(Number(first) + 2) }
}

/** Steady per network where nobody else has it, so that a repair finds the same. */
function freePair(networkId: string, host: readonly LinkFact[]): { near: string; far: string } {
  const taken: readonly Range[] = host.flatMap((each) => each.addresses).map(rangeOf)
  const begin = Number.parseInt(short(networkId).slice(0, 8), 16)
  for (let tried = 0; tried < PIECES; tried += 1) {
    const first = FIRST + ((begin + tried) % PIECES) * 4
    const range = rangeOf(`${text(first)}/30`)
    if (!taken.some((each) => overlaps(each, range))) return pairOf(`${text(first)}/30`)
  }
  throw new Error('all link-local addresses for published ports are taken on this host')
}

const text = (value: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) % 256).join('.')
