import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nodeHttp } from '../../../kernel/http/node-http.ts'
import type { ComputeDeps } from '../deps.ts'
import { guestOf } from '../servers/guest-of.ts'
import { inOrder } from '../servers/parts.ts'
import { findServer, updateServer } from '../servers/store.ts'
import { answer, type Asker, type MetadataAnswer } from './answer.ts'

/** Who a connection comes from, as the network guarantees it. */
interface Peer {
  readonly networkId: string
  readonly address: string
}

const MAX_PASSWORD_BYTES = 1020
const TIMEOUT_MS = 10_000

/**
 * The guests' metadata service: connections to 169.254.169.254 that the network hands over, answered by an HTTP server that
 * listens nowhere. Who asks is told by network and source address, which a guest cannot forge.
 */
export function serveMetadata(ctx: Ctx, deps: ComputeDeps): void {
  const peers = new WeakMap<Socket, Peer>()
  const http: HttpServer = nodeHttp.createServer(
    { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS },
    (request, response) => {
      const peer = peers.get(request.socket)
      respond(ctx, deps, peer, request, response).catch((error: unknown) => {
        ctx.log.error({ err: error, peer }, 'answering for metadata')
        if (!response.headersSent) response.writeHead(500)
        response.end()
      })
    },
  )
  // its own time limits are counted from listening, which it never does: silent guests are hung up on by this one
  http.setTimeout(TIMEOUT_MS)
  deps.network.onMetadata((socket, from) => {
    peers.set(socket, from)
    http.emit('connection', socket)
  })
}

async function respond(
  ctx: Ctx,
  deps: ComputeDeps,
  peer: Peer | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asker = peer === undefined ? undefined : await askerOf(ctx, deps, peer)
  if (asker === undefined) return send(response, { status: 404, body: 'Not Found' })
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  if (request.method === 'POST' && /^\/openstack\/[^/]+\/password\/?$/.test(path))
    return send(response, await takePassword(ctx, asker, request))
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(response, { status: 405, body: 'Method Not Allowed' })
  send(response, answer(asker, path))
}

async function askerOf(ctx: Ctx, deps: ComputeDeps, peer: Peer): Promise<Asker | undefined> {
  const port = await deps.network.portAt(ctx, peer.networkId, peer.address)
  if (port === undefined || port.deviceId === '') return undefined
  const server = await findServer(ctx, port.deviceId)
  if (server === undefined) return undefined
  const ports = inOrder(
    await deps.network.portsOf(ctx, [server.id]),
    await deps.workload.find(ctx, server.id),
  )
  return { guest: await guestOf(ctx, deps, server), ports, password: server.password }
}

/** The guest posts its password, encrypted with the owner's key, once; only the owner's API call clears it. */
async function takePassword(
  ctx: Ctx,
  asker: Asker,
  request: IncomingMessage,
): Promise<MetadataAnswer> {
  if (asker.password !== null && asker.password !== '') return { status: 409, body: 'Conflict' }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_PASSWORD_BYTES) return { status: 400, body: 'Request is too large.' }
    chunks.push(chunk)
  }
  const password = Buffer.concat(chunks).toString('utf8')
  if (password.includes('\u0000')) return { status: 400, body: 'Bad Request' }
  await updateServer(ctx, asker.guest.id, { password })
  return { status: 200, body: '' }
}

function send(response: ServerResponse, { status, body, type }: MetadataAnswer): void {
  response.writeHead(status, {
    'content-type': type ?? 'text/plain; charset=UTF-8',
    'content-length': Buffer.byteLength(body),
    ...(status === 400 ? { connection: 'close' } : {}),
  })
  response.end(body)
}
