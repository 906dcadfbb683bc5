import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { endWithParent } from '../../../kernel/exec/end-with-parent.ts'

/**
 * Run by `doors.ts` inside a namespace: opens the sockets named in its arguments (`tcp/80`, `udp/53`, `udp4/67`, and
 * `udp/547/ff02::1:2%br0` which joins that group) on every address there is, hands them to the parent, which says by disconnecting that it has them, and ends. Nothing else; a program of a
 * few milliseconds.
 */
endWithParent()
process.on('disconnect', () => process.exit())
try {
  for (const name of process.argv.slice(2)) {
    const [kind = '', port = '', group] = name.split('/')
    const socket = await (kind === 'tcp' ? tcp(Number(port)) : udp(kind, Number(port), group))
    process.send?.(name, socket)
  }
  process.send?.('all')
} catch (cause) {
  process.stderr.write(`${String(cause)}\n`)
  process.exit(1)
}

async function tcp(port: number): Promise<Server> {
  const open = async (host: string): Promise<Server> =>
    await new Promise((resolve, reject) => {
      const server = createServer({ pauseOnConnect: true })
      server.once('error', reject)
      server.listen({ host, port, backlog: 128 }, () => resolve(server))
    })
  return await open('::').catch(async () => await open('0.0.0.0')) // a kernel without IPv6
}

async function udp(kind: string, port: number, group?: string): Promise<UdpSocket> {
  const open = async (type: 'udp4' | 'udp6'): Promise<UdpSocket> =>
    await new Promise((resolve, reject) => {
      const socket = createSocket(type)
      socket.once('error', reject)
      socket.bind(port, () => resolve(socket))
    })
  if (kind === 'udp4') return await open('udp4')
  if (group !== undefined) {
    const socket = await open('udp6')
    const [address = '', link] = group.split('%')
    socket.addMembership(address, `::%${link}`)
    return socket
  }
  return await open('udp6').catch(async () => await open('udp4'))
}
