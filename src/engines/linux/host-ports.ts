import { readFile } from 'node:fs/promises'
import type { PublishedPortSpec } from '../../ports/network.ts'
import { canonical } from './addresses.ts'

/** What the host's own programs listen on, as the kernel tells in /proc/net. */

type HostPort = Omit<PublishedPortSpec, 'port'>

/** State column: TCP's LISTEN, and that of a UDP socket without a peer. */
const tables = [
  { file: 'tcp', protocol: 'tcp', state: '0A' },
  { file: 'tcp6', protocol: 'tcp', state: '0A' },
  { file: 'udp', protocol: 'udp', state: '07' },
  { file: 'udp6', protocol: 'udp', state: '07' },
] as const

export async function busyHostPorts(): Promise<readonly HostPort[]> {
  const lists = await Promise.all(
    tables.map(async ({ file, protocol, state }) => {
      // absent where the kernel has no IPv6
      const text = await readFile(`/proc/net/${file}`, 'utf8').catch(() => '')
      return listening(text, protocol, state)
    }),
  )
  return lists.flat()
}

export function listening(
  text: string,
  protocol: 'tcp' | 'udp',
  state: string,
): readonly HostPort[] {
  const rows = text.matchAll(
    /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})/gm,
  )
  return [...rows].flatMap(([, address = '', port = '', seen]) =>
    seen === state
      ? [{ protocol, hostAddress: addressOf(address), hostPort: Number.parseInt(port, 16) }]
      : [],
  )
}

/** The kernel prints each 32-bit word in the byte order of the machine, which is the little one. */
function addressOf(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) =>
    (word.match(/../g) ?? []).toReversed().join(''),
  )
  const bytes = words.join('')
  if (bytes.length === 8)
    return (bytes.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.')
  return canonical((bytes.match(/.{4}/g) ?? []).join(':'))
}
