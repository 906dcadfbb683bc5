import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { WebSocketServer, type WebSocket } from 'ws'
import { cloudError } from '../errors/cloud-error.ts'
import { nodeHttp } from './node-http.ts'

/**
 * Websockets on the one port. A handler answers `websocket(…)`: only then, after token, policy and validation, is the
 * connection taken over; until then a refusal is an ordinary HTTP answer. RFC 6455.
 */
export class Upgrade {
  readonly run: (socket: WebSocket) => void
  readonly protocols: readonly string[]
  constructor(run: (socket: WebSocket) => void, protocols: readonly string[]) {
    this.run = run
    this.protocols = protocols
  }
}

/**
 * Turns the connection into a websocket and hands it over. Of the subprotocols that the client offers the first that is in
 * `protocols` is chosen; none when there is none. Silent connections are found by pings; messages over 1 MiB end it.
 */
export function websocket(
  run: (socket: WebSocket) => void,
  protocols: readonly string[] = [],
): Upgrade {
  return new Upgrade(run, protocols)
}

/** 403 when a page of another site opened the connection: browsers send no token of ours, so the origin is what protects. */
export function mustBeSameOrigin(headers: IncomingHttpHeaders): void {
  const { origin } = headers
  if (origin === undefined) return // no browser
  const forwarded = headers['x-forwarded-host']
  const hosts = [headers.host, typeof forwarded === 'string' ? forwarded : undefined]
  const named = URL.canParse(origin) ? new URL(origin).hostname : undefined
  const known = hosts.flatMap((host) =>
    host !== undefined && URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : [],
  )
  if (named !== undefined && known.includes(named)) return
  throw cloudError('forbidden', `Pages of ${origin.slice(0, 200)} may not connect here.`)
}

const PING_MS = 30_000
const MAX_MESSAGE_BYTES = 1024 * 1024

/** What can still be done with a connection whose client asked for a websocket. */
const offered = new WeakMap<IncomingMessage, (wish: Upgrade) => void>()

/** Only what truly asks for a websocket; `Upgrade: h2c`, which curl sends, is a request like any other. */
export const asksForWebsocket = (request: IncomingMessage): boolean =>
  request.headers.upgrade?.toLowerCase() === 'websocket'

/** Lets upgrade requests go through the same routes as all others, and ends their websockets before the server closes. */
export function acceptWebsockets(app: FastifyInstance): void {
  const chosen = new WeakMap<IncomingMessage, readonly string[]>()
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (names, request) =>
      [...names].find((name) => chosen.get(request)?.includes(name) === true) ?? false,
  })
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    offered.set(request, ({ run, protocols }) => {
      chosen.set(request, protocols)
      server.handleUpgrade(request, socket, head, (open) => {
        keepAlive(open)
        run(open)
      })
    })
    const response = new nodeHttp.ServerResponse(request)
    response.assignSocket(socket)
    response.once('finish', () => socket.destroySoon()) // a refusal
    app.routing(request, response)
  })
  app.addHook('preClose', async () => {
    for (const open of server.clients) open.close(1001, 'the server is stopping')
    await Promise.resolve()
  })
}

/** Throws 400 when the client did not ask for a websocket. */
export function upgrade(
  request: FastifyRequest,
  answer: FastifyReply,
  wish: Upgrade,
): FastifyReply {
  const accept = offered.get(request.raw)
  if (accept === undefined)
    throw cloudError('badRequest', 'This is a websocket: connect with ws:// or wss://.')
  answer.hijack()
  accept(wish)
  return answer
}

function keepAlive(socket: WebSocket): void {
  let heard = true
  socket.on('pong', () => (heard = true))
  socket.on('error', () => socket.terminate())
  const timer = setInterval(() => {
    if (!heard) return socket.terminate()
    heard = false
    socket.ping()
  }, PING_MS)
  socket.once('close', () => clearInterval(timer))
}
