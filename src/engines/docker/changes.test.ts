import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../kernel/log/log.ts'
import { changes } from './changes.ts'
import { DockerClient } from './client.ts'
import type { DockerHost } from './names.ts'

/** Enough of an engine to be asked for events, and to go away. */
interface Engine {
  tell(name: string): void
  stop(): Promise<void>
}

let folder: string
let socket: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stackyard-events-'))
  socket = join(folder, 'engine.sock')
})
afterEach(async () => await rm(folder, { recursive: true }))

async function startEngine(): Promise<Engine> {
  const listeners = new Set<ServerResponse>()
  const server: Server = createServer((request, response) => {
    if (request.url === '/version') {
      response.end(
        JSON.stringify({
          Version: '20.10',
          ApiVersion: '1.41',
          MinAPIVersion: '1.12',
          Arch: 'amd64',
        }),
      )
    } else if (request.url?.startsWith('/v1.41/events?') === true) {
      listeners.add(response)
      response.flushHeaders()
    } else response.writeHead(404).end('{"message":"no such thing"}')
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return {
    tell: (name) => {
      const line = `${JSON.stringify({ Actor: { Attributes: { name } } })}\n`
      for (const response of listeners) {
        for (const part of [line.slice(0, 10), line.slice(10)]) response.write(part) // a chunk may end anywhere
      }
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('changes', () => {
  it('come from containers and sandboxes, and after an absence from everybody', async () => {
    const client = new DockerClient(socket)
    const host: DockerHost = { client, cloud: 'ab12', folder }
    const stop = new AbortController()
    let engine = await startEngine()
    const stream = changes(host, {
      log: silentLog(),
      signal: stop.signal,
      onReturn: async () => ['a', 'b'],
    })
    const next = async (): Promise<unknown> => (await stream.next()).value

    let told = next()
    const again = setInterval(() => engine.tell('sy-one'), 20)
    expect(await told).toBe('one')
    clearInterval(again)
    engine.tell('syab12-pool-17')
    engine.tell('sy-two-net')
    while (((told = next()), (await told) === 'one')) continue
    expect(await told).toBe('two')

    told = next()
    await engine.stop()
    engine = await startEngine()
    expect(await told).toBe('a')
    expect(await next()).toBe('b')

    told = next()
    stop.abort()
    expect(await told).toBeUndefined()
    client.close()
    await engine.stop()
  })

  it('end when asked to while the engine is away', async () => {
    const stop = new AbortController()
    const host: DockerHost = { client: new DockerClient(socket), cloud: 'ab12', folder }
    const stream = changes(host, {
      log: silentLog(),
      signal: stop.signal,
      onReturn: async () => [],
    })
    const told = stream.next()
    setTimeout(() => stop.abort(), 50)
    expect((await told).done).toBe(true)
  })
})

describe('the client', () => {
  it('says what the engine said', async () => {
    const engine = await startEngine()
    const client = new DockerClient(socket)
    await expect(client.call('GET', '/containers/x/json')).rejects.toThrow(
      'the Docker Engine says: no such thing',
    )
    expect(await client.find('/containers/x/json')).toBeUndefined()
    client.close()
    await engine.stop()
  })

  it('says that there is no engine', async () => {
    await expect(new DockerClient(socket).version()).rejects.toThrow(
      `no answer from the Docker Engine at ${socket}`,
    )
  })
})
