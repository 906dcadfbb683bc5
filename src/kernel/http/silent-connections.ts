import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Browsers and HTTP pools open connections before they have anything to ask. Node counts such a one as busy and would wait for
 * it for a minute when the server stops; here it is hung up on.
 */
export function hangUpOnSilent(app: FastifyInstance): void {
  const open = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  app.addHook('preClose', async () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
    await Promise.resolve()
  })
}
