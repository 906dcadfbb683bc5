import { CoProcess } from '../../kernel/exec/coprocess.ts'
import { run } from '../../kernel/exec/run.ts'
import { hexOf } from './addresses.ts'

/** For tests: Ethernet frames made by hand, so that a guest can say what no honest kernel would. All in hex digits. */
export interface Sender {
  readonly mac: string
  readonly address: string
}

const BROADCAST = 'ffffffffffff'
const plain = (mac: string): string => mac.replaceAll(':', '')
const bytesOf = (address: string): string => hexOf(address).slice(2)
const word = (value: number): string => value.toString(16).padStart(4, '0')

const frame = (mac: string, type: string, body: string): string =>
  `${BROADCAST}${plain(mac)}${type}${body}`

/** An ARP request; what it says of its sender need not be what the frame says. */
export const arp = (from: Sender, says: Sender = from): string =>
  frame(
    from.mac,
    '0806',
    `0001080006040001${plain(says.mac)}${bytesOf(says.address)}000000000000${bytesOf('10.0.0.6')}`,
  )

export const udp = (from: Sender, to: string, ports: readonly [number, number] = [7, 9]): string =>
  packet(from, to, 17, `${ports.map(word).join('')}0008`, 6)

/** The first of a connection. */
export const tcp = (from: Sender, to: string): string =>
  packet(from, to, 6, `0007000900000001000000005002ffff`, 16)

/** A message of neighbour discovery about an address: 135 asks for it, 136 says «it is mine». */
export const neighbour = (from: Sender, to: string, type: number, about: string): string =>
  packet(from, to, 58, `${type.toString(16)}00`, 2, `00000000${bytesOf(about)}`)

function packet(
  from: Sender,
  to: string,
  protocol: number,
  head: string,
  sumAt: number,
  tail = '',
): string {
  const six = from.address.includes(':')
  const addresses = `${bytesOf(from.address)}${bytesOf(to)}`
  const after = sumAt === 16 ? `0000${tail}` : tail // TCP's urgent pointer
  const length = (head.length + after.length) / 2 + 2
  const sum = checksum(`${addresses}${word(protocol)}${word(length)}${head}0000${after}`)
  const body = `${head}${sum}${after}`
  if (six)
    return frame(
      from.mac,
      '86dd',
      `60000000${word(length)}${protocol.toString(16).padStart(2, '0')}ff${addresses}${body}`,
    )
  const start = `4500${word(20 + length)}0001000040${protocol.toString(16).padStart(2, '0')}`
  return frame(
    from.mac,
    '0800',
    `${start}${checksum(`${start}0000${addresses}`)}${addresses}${body}`,
  )
}

/** Of the internet protocols: the complement of the sum of all words (RFC 1071). */
function checksum(hex: string): string {
  let sum = (hex.match(/.{1,4}/g) ?? []).reduce(
    (all, each) => all + Number.parseInt(each.padEnd(4, '0'), 16),
    0,
  )
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return word(~sum & 0xffff)
}

/**
 * Sends all from one workload (from its `eth0`, unless told otherwise) and answers which of them came to another; the last must
 * be one that is sure to arrive.
 */
export async function arriving(
  from: string,
  at: string,
  frames: readonly string[],
  device = 'eth0',
): Promise<boolean[]> {
  const ear = new CoProcess({
    command: 'nsenter',
    args: [`--net=${at}`, 'python3', '-uc', LISTEN],
    marker: () => '',
    complaint: () => /end\n/,
    timeoutMs: 10_000,
  })
  try {
    await ear.ask('') // it listens
    const heard = ear.ask(frames.at(-1) ?? '')
    await run('nsenter', [`--net=${from}`, 'python3', '-c', SEND, device, ...frames])
    const seen = (await heard).split('\n')
    return frames.map((each) => seen.some((other) => other.startsWith(each)))
  } finally {
    await ear.stop()
  }
}

const SEND = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for hex in sys.argv[2:]: s.send(bytes.fromhex(hex).ljust(60, bytes(1)))`

/** Says all it hears, until it hears the one it is told to wait for. */
const LISTEN = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 3))
s.settimeout(5)
sys.stdin.readline()
sys.stdin.readline()
print("end", file=sys.stderr)
last = sys.stdin.readline().strip()
try:
  while True:
    heard = s.recv(2000).hex()
    print(heard, file=sys.stderr)
    if heard.startswith(last): break
except OSError: pass
print("end", file=sys.stderr)`
