import type { IncomingMessage, ServerResponse } from 'node:http'
import { nodeHttp } from '../../../kernel/http/node-http.ts'

/** JSON over HTTP on a unix socket: how Docker, the door and the cloud speak with each other. */

const BODY_LIMIT = 4 * 1024 * 1024

export async function readBody(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of message as AsyncIterable<Buffer>) {
    size += part.length
    if (size > BODY_LIMIT) throw new Error('the message is too long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  type = 'application/json',
): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Nobody listens there, or whoever did is gone before he answered. */
export class Away extends Error {}

/** POSTs and answers the JSON. `Away` when no answer comes because nobody is there; silence beyond the time limit is an error. */
export function postJson(
  socketPath: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = nodeHttp.request({
      socketPath,
      path,
      method: 'POST',
      timeout: timeoutMs,
      agent: false,
    })
    call.on('response', (response) => {
      readBody(response)
        .catch((cause: unknown) => {
          throw new Away('the answer was cut off', { cause })
        })
        .then((text): unknown => JSON.parse(text))
        .then(resolve, reject)
    })
    call.on('timeout', () => {
      reject(new Error(`no answer within ${Math.round(timeoutMs / 1000)} s`))
      call.destroy()
    })
    call.on('error', (cause) => reject(new Away('nobody answers', { cause })))
    call.setHeader('content-type', 'application/json')
    call.end(JSON.stringify(body))
  })
}
