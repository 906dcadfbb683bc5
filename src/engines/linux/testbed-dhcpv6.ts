import { run } from '../../kernel/exec/run.ts'
import { iaOption, option, writeDhcpv6, type Option } from './guests/dhcpv6-wire.ts'

/** For tests: a small DHCPv6 client, which says one message from a workload's `eth0`. */
export const ALL_SERVERS = 'ff02::1:2'

/** The wish for addresses, whichever. */
export const wish: Option = iaOption(
  { code: option.iaNa, iaid: Buffer.of(0, 0, 0, 1), addresses: [] },
  0,
  [],
)

/** The answer to a message of these options; undefined when there is none for a second. */
export async function askDhcpv6(
  netns: string,
  type: number,
  options: readonly Option[],
  to = ALL_SERVERS,
): Promise<Buffer | undefined> {
  const message = writeDhcpv6(type, Buffer.of(1, 2, 3), options).toString('hex')
  const words = [process.execPath, '-e', client, `${to}%eth0`, message]
  const said = (await run('nsenter', [`--net=${netns}`, ...words])).trim()
  return said === '' ? undefined : Buffer.from(said, 'hex')
}

const client = `
const [to, hex] = process.argv.slice(1)
const socket = require('dgram').createSocket('udp6')
const end = () => process.exit()
socket.on('message', (answer) => { console.log(answer.toString('hex')); end() })
socket.bind(546, () => socket.send(Buffer.from(hex, 'hex'), 547, to))
setTimeout(end, 1000)`
