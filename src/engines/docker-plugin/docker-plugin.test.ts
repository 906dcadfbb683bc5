import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeHttp } from '../../kernel/http/node-http.ts'
import { isAlive } from '../../kernel/exec/child.ts'
import type { PluginHandler } from '../../ports/docker-plugin.ts'
import { Door, doorFiles, makeFolder } from './door/door.ts'
import type { Entry } from './door/journal.ts'
import { postJson, readBody, sendJson } from './door/wire.ts'
import { createDockerPlugin } from './index.ts'
import { askDoor, endDoor, removeStaleSocket, reopenDoor } from './keeper.ts'

let home: string
let closers: (() => unknown)[]
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'door-'))
  closers = []
})
afterEach(async () => {
  for (const close of closers.toReversed()) await close()
  await endDoor(folder())
  rmSync(home, { recursive: true, force: true })
})

const folder = (): string => join(home, 'cloud')
const place = () => ({ folder: folder(), plugins: join(home, 'plugins'), name: 'kuryr' })

/** As the Docker Engine calls. */
const call = async (method: string, payload: unknown = {}): Promise<unknown> =>
  await postJson(join(home, 'plugins/kuryr.sock'), `/${method}`, payload, 5000)

async function openDoor(where = place()): Promise<Door> {
  makeFolder(where.folder)
  const door = new Door({ ...where, version: '1', lookMs: 50, say: () => undefined })
  await door.open()
  closers.push(() => door.close())
  return door
}

/** A cloud by hand: `hear` answers, or not. */
async function cloud(hear: (entry: Entry, cut: () => void) => unknown): Promise<Server> {
  const server = nodeHttp.createServer((request, response) => {
    void readBody(request).then((text) => {
      const answer = hear(JSON.parse(text) as Entry, () => {
        request.socket.destroy()
      }) // the door's own words
      if (answer !== undefined) sendJson(response, 200, answer)
    })
  })
  await new Promise<void>((done) => {
    server.listen({ path: doorFiles(folder()).cloud }, done)
  })
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

describe('the door', () => {
  it('answers by itself what needs no cloud', async () => {
    await openDoor()
    expect(await call('Plugin.Activate')).toEqual({ Implements: ['NetworkDriver', 'IpamDriver'] })
    expect(await call('NetworkDriver.GetCapabilities')).toMatchObject({ Scope: 'local' })
    expect(await call('NetworkDriver.AllocateNetwork', { Options: { a: 1 } })).toEqual({
      Options: { a: 1 },
    })
    const internal = { Options: { 'com.docker.network.internal': true } }
    expect(await call('NetworkDriver.GwAllocCheck', internal)).toEqual({
      SkipIPv4: true,
      SkipIPv6: true,
    })
    expect(await call('NetworkDriver.EndpointOperInfo')).toEqual({ Value: {} })
  })

  it('hands calls over, and the cloud’s reasons back', async () => {
    await openDoor()
    await cloud(({ method }) =>
      method.endsWith('Pool') ? { error: 'no pool' } : { answer: { a: 1 } },
    )
    expect(await call('NetworkDriver.Join')).toEqual({ a: 1 })
    expect(await call('IpamDriver.RequestPool')).toEqual({ Err: 'no pool', Error: 'no pool' })
  })

  it('sends a call again under its own id when the answer did not come', async () => {
    await openDoor()
    const heard: string[] = []
    await cloud((entry, cut) => {
      heard.push(entry.call)
      if (heard.length > 1) return { answer: { PoolID: 'p' } }
      return cut()
    })
    expect(await call('IpamDriver.RequestPool')).toEqual({ PoolID: 'p' })
    expect(heard).toHaveLength(2)
    expect(new Set(heard).size).toBe(1)
  })

  it('without a cloud accepts what ends, refuses what begins, and tells in order once one is there', async () => {
    await openDoor()
    expect(await call('NetworkDriver.Leave', { EndpointID: 'e' })).toEqual({})
    expect(await call('NetworkDriver.DeleteEndpoint', { EndpointID: 'e' })).toEqual({})
    expect(await call('NetworkDriver.CreateEndpoint')).toMatchObject({
      Err: expect.stringContaining('Stackyard does not run') as string,
    })
    const heard: string[] = []
    await cloud(({ method }) => {
      heard.push(method)
      return { answer: {} }
    })
    await call('IpamDriver.ReleaseAddress')
    expect(heard).toEqual([
      'NetworkDriver.Leave',
      'NetworkDriver.DeleteEndpoint',
      'IpamDriver.ReleaseAddress',
    ])
  })

  it('does not hang on an answer that is none', async () => {
    await openDoor()
    const server = nodeHttp.createServer((_, response) => response.end('nonsense'))
    await new Promise<void>((done) => {
      server.listen({ path: doorFiles(folder()).cloud }, done)
    })
    closers.push(() => server.close())
    expect(await call('NetworkDriver.Join')).toMatchObject({
      Err: expect.stringContaining('JSON') as string,
    })
  })

  it('belongs to the first of two clouds as long as that one lives', async () => {
    const first = await openDoor()
    const second = await openDoor({ ...place(), folder: join(home, 'second') })
    expect(second.status()).toMatchObject({ open: false })
    expect(second.status().reason).toContain('another process')
    first.close()
    await expect.poll(() => second.status().open, { timeout: 5000 }).toBe(true)
    expect(await call('Plugin.Activate')).toMatchObject({
      Implements: expect.anything() as unknown,
    })
  })

  it('opens its socket again when somebody removed it, and goes with its folder', async () => {
    await openDoor()
    rmSync(join(home, 'plugins/kuryr.sock'))
    await expect
      .poll(() => existsSync(join(home, 'plugins/kuryr.sock')), { timeout: 5000 })
      .toBe(true)
    rmSync(folder(), { recursive: true })
    await expect
      .poll(() => existsSync(join(home, 'plugins/kuryr.sock')), { timeout: 5000 })
      .toBe(false)
  })

  it('says farewell: what ends is fine, what begins is not', async () => {
    await openDoor()
    await askDoor(folder(), 'farewell')
    expect(await call('NetworkDriver.DeleteNetwork')).toEqual({})
    expect(await call('IpamDriver.ReleasePool')).toEqual({})
    expect(await call('IpamDriver.RequestPool')).toMatchObject({
      Err: expect.stringContaining('is being removed') as string,
    })
  })
})

describe('a socket that was left behind', () => {
  it('is taken away, but not from another cloud that answers on it', async () => {
    const path = join(home, 'plugins/kuryr.sock')
    await openDoor()
    await removeStaleSocket(place())
    expect(await call('Plugin.Activate')).toMatchObject({
      Implements: expect.anything() as unknown,
    })
    const stale = { ...place(), name: 'stale' }
    const bind =
      "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"
    spawnSync(process.execPath, ['-e', bind, join(home, 'plugins/stale.sock')])
    expect(existsSync(join(home, 'plugins/stale.sock'))).toBe(true)
    await removeStaleSocket(stale)
    expect(existsSync(join(home, 'plugins/stale.sock'))).toBe(false)
    expect(existsSync(path)).toBe(true)
  })
})

describe('the plugin', () => {
  const plugin = () => {
    const log = { debug: () => undefined, warn: () => undefined }
    const made = createDockerPlugin({ ...place(), dockerSocket: join(home, 'none.sock'), log })
    closers.push(async () => await made.close())
    return made
  }
  const echo: PluginHandler = async (method) => await Promise.resolve({ method })

  it('is a part of the cloud until Docker has a network, then a process that outlives it', async () => {
    const one = plugin()
    await one.serve(echo, false)
    expect(await call('NetworkDriver.Join')).toEqual({ method: 'NetworkDriver.Join' })
    expect((await askDoor(folder(), 'status'))?.pid).toBe(process.pid)
    await one.outlive()
    const door = await askDoor(folder(), 'status')
    expect(door?.pid).not.toBe(process.pid)
    expect(await call('NetworkDriver.Join')).toEqual({ method: 'NetworkDriver.Join' })
    await one.close()
    expect(await call('NetworkDriver.Leave')).toEqual({})
    // the host restarts, and its Docker Engine is to start before the cloud
    process.kill(door?.pid ?? 0, 'SIGKILL')
    await expect.poll(() => isAlive(door?.pid ?? 0)).toBe(false)
    await reopenDoor(place())
    expect(await call('NetworkDriver.Leave')).toEqual({})
    const reopened = await askDoor(folder(), 'status')
    const heard: string[] = []
    const two = plugin()
    await two.serve(async (method) => {
      heard.push(method)
      return await Promise.resolve({})
    }, true)
    expect(heard).toEqual(['NetworkDriver.Leave', 'NetworkDriver.Leave'])
    expect((await askDoor(folder(), 'status'))?.pid).toBe(reopened?.pid)
    expect(await two.state()).toMatchObject({ open: true })
    expect(await two.look()).toBeUndefined()
  })

  it('takes the door back into the cloud when Docker has no network any more', async () => {
    const one = plugin()
    await one.serve(echo, true)
    const door = await askDoor(folder(), 'status')
    await one.close()
    await plugin().serve(echo, false)
    expect((await askDoor(folder(), 'status'))?.pid).toBe(process.pid)
    await expect.poll(() => isAlive(door?.pid ?? 0)).toBe(false)
    expect(await call('NetworkDriver.Join')).toEqual({ method: 'NetworkDriver.Join' })
    await reopenDoor(place())
    expect((await askDoor(folder(), 'status'))?.pid).toBe(process.pid)
  })
})
