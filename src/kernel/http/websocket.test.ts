import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startTestApp, type TestApp } from '../testkit/test-app.ts'
import { eventStream, type StreamEvent } from './event-stream.ts'
import { route } from './route.ts'
import type { ServiceDefinition } from './service.ts'
import { mustBeSameOrigin, websocket } from './websocket.ts'

let ended = false

async function* ticks(signal: AbortSignal): AsyncGenerator<StreamEvent> {
  signal.addEventListener('abort', () => (ended = true))
  yield { name: 'tick', id: '1', data: { n: 1 } }
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

const phone: ServiceDefinition = {
  name: 'phone',
  mount: '/phone',
  policies: { 'phone:talk': 'rule:project-member' },
  migrations: [],
  reconcilers: [],
  fault: (error) => ({ body: { phoneError: { code: error.status, message: error.message } } }),
  routes: [
    route({
      method: 'GET',
      path: '/echo',
      policy: 'phone:talk',
      handle: async (_ctx, req) => {
        mustBeSameOrigin(req.headers)
        return await Promise.resolve(
          websocket((socket) => socket.on('message', (text) => socket.send(text)), ['binary']),
        )
      },
    }),
    route({
      method: 'GET',
      path: '/ticks',
      policy: 'phone:talk',
      handle: async (ctx) => await Promise.resolve(eventStream(ctx, ticks)),
    }),
  ],
}

describe('connections that stay open', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp([phone])
  })
  afterAll(async () => await app.close())

  const dial = (headers: Record<string, string>, protocols: string[] = []): WebSocket =>
    new WebSocket(`${app.url.replace('http', 'ws')}/phone/echo`, protocols, { headers })

  /** The status and body of a refused handshake. */
  const refusal = async (socket: WebSocket): Promise<{ status?: number; body: string }> => {
    const [, response] = await once(socket, 'unexpected-response')
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    return { status: response.statusCode, body: Buffer.concat(chunks).toString() }
  }

  it('takes a connection over and chooses a subprotocol that both know', async () => {
    const socket = dial({ 'x-auth-token': 'demo' }, ['base64', 'binary'])
    await once(socket, 'open')
    expect(socket.protocol).toBe('binary')
    socket.send('hello')
    const [answer] = await once(socket, 'message')
    expect(answer.toString()).toBe('hello')
    socket.close()
  })

  it('refuses as any other request does: token, policy, origin', async () => {
    expect(await refusal(dial({}))).toMatchObject({ status: 401 })
    const reader = await refusal(dial({ 'x-auth-token': 'reader' }))
    expect(reader.status).toBe(403)
    expect(JSON.parse(reader.body)).toHaveProperty('phoneError')
    const foreign = await refusal(
      dial({ 'x-auth-token': 'demo', origin: 'https://elsewhere.example' }),
    )
    expect(foreign.status).toBe(403)
    expect(foreign.body).toContain('https://elsewhere.example')
  })

  it('says what to do when a plain request comes', async () => {
    const { status, body } = await app.as('demo').get('/phone/echo')
    expect(status).toBe(400)
    expect(body.phoneError.message).toContain('ws://')
  })

  it('streams events, and ends the source when the reader goes', async () => {
    const abort = new AbortController()
    const response = await fetch(`${app.url}/phone/ticks`, {
      headers: { 'x-auth-token': 'demo' },
      signal: abort.signal,
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    let text = ''
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    while (!text.includes('"n":1')) text += (await reader?.read())?.value ?? ''
    expect(text).toContain('event: tick\nid: 1\ndata: {"n":1}\n\n')
    abort.abort()
    await expect.poll(() => ended).toBe(true)
  })

  it('does not wait for them when it stops', async () => {
    const own = await startTestApp([phone])
    const socket = new WebSocket(`${own.url.replace('http', 'ws')}/phone/echo`, {
      headers: { 'x-auth-token': 'demo' },
    })
    await once(socket, 'open')
    await fetch(`${own.url}/phone/ticks`, { headers: { 'x-auth-token': 'demo' } })
    const closed = once(socket, 'close')
    await own.close()
    const [code] = await closed
    expect(code).toBe(1001)
  })
})
