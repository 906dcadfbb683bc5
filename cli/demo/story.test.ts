import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DockerApi } from '../docker-api.ts'
import { cleanUp } from './clean.ts'
import { Session } from '../session.ts'
import { tellStory, type DemoPlace } from './story.ts'

/** The story against a mini cloud that keeps whatever is posted, by kind. The real cloud's turn comes in the end-to-end tests. */
type Row = Record<string, unknown> & { id: string }
const folder = mkdtempSync(join(tmpdir(), 'stackyard-demo-'))
const stores = new Map<string, Row[]>()
let server: Server
let origin = ''
let place: DemoPlace
let made = 0

beforeAll(async () => {
  server = createServer((request, response) => {
    void answer(request).then(({ status, body, token }) => {
      response.writeHead(status, token ? { 'x-subject-token': 'secret' } : {}).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  store('networks').push({ id: 'public-id', name: 'public' })
  store('flavors').push(
    { id: '1', name: 'm1.small', ram: 2048 },
    { id: '0', name: 'm1.tiny', ram: 64 },
  )
  writeFileSync(join(folder, 'busybox'), 'busybox')
  const access = {
    username: 'demo',
    password: 'p',
    project: 'demo',
    userDomain: 'Default',
    projectDomain: 'Default',
  }
  const session = await Session.login({
    ...access,
    authUrl: `${origin}/identity/v3`,
    region: 'RegionOne',
  })
  place = {
    session,
    docker: docker(),
    folder: join(folder, 'demo'),
    guestFolder: folder,
    tag: 'abcd',
  }
})

afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

it('tells the story, tells it again with what is there, and cleans up', async () => {
  await tellStory(place)
  const first = counts()
  expect(first).toMatchObject({
    images: 1,
    networks: 2,
    subnets: 1,
    routers: 1,
    servers: 1,
    floatingips: 1,
    security_group_rules: 3,
  })
  const [server] = store('servers').map(({ id }) => id)
  await tellStory(place)
  expect(counts()).toEqual(first)
  expect(store('servers').map(({ id }) => id)).not.toEqual([server])
  await cleanUp(place)
  expect(counts()).toMatchObject({
    images: 0,
    networks: 1,
    routers: 0,
    servers: 0,
    floatingips: 0,
    keypairs: 0,
  })
})

it("passes on the service's own words", async () => {
  await expect(place.session.get('compute', '/bad')).rejects.toThrow('GET /bad: 409 No "room" left')
})

function counts(): Record<string, number> {
  return Object.fromEntries([...stores].map(([kind, rows]) => [kind, rows.length]))
}

function store(kind: string): Row[] {
  const rows = stores.get(kind) ?? []
  stores.set(kind, rows)
  return rows
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly token?: boolean
}

const json = (status: number, value: unknown): Answer => ({ status, body: JSON.stringify(value) })

async function answer(request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '', origin)
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  if (url.pathname === '/') return { status: 200, body: '<h1>Hello</h1>' }
  if (url.pathname === '/identity/v3/auth/tokens') return { ...catalog(), token: true }
  if (url.pathname.endsWith('/bad'))
    return json(409, { conflictingRequest: { message: 'No "room" left' } })
  if (/\/(file|add_router_interface|remove_router_interface)$/.test(url.pathname))
    return { status: 200, body: '' }
  if (url.pathname.endsWith('/action')) return json(200, { output: 'hello from the console' })
  const text = Buffer.concat(chunks).toString()
  return onCollection(request.method ?? '', url, text === '' ? {} : JSON.parse(text))
}

function onCollection(
  method: string,
  url: URL,
  body: Record<string, Record<string, unknown>>,
): Answer {
  const [kind = '', id] = url.pathname
    .replace(/^\/(compute|network\/v2\.0|image\/v2)\//, '')
    .split('/')
  const plural = kind.replace('os-', '').replaceAll('-', '_')
  const singular = plural.slice(0, -1)
  const rows = store(plural)
  const found = rows.find((row) => row.id === id)
  if (method === 'POST') {
    const wish = body[singular] ?? body
    const row: Row = {
      ...wish,
      id: plural === 'keypairs' ? String(wish['name']) : `${singular}-${++made}`,
      ...extras(plural),
    }
    rows.push(row)
    return json(201, plural === 'images' ? row : { [singular]: row })
  }
  if (method === 'DELETE')
    rows.splice(
      rows.findIndex((row) => row.id === id),
      found === undefined ? 0 : 1,
    )
  if (plural === 'ports') return json(200, { ports: [{ id: 'port-1', fixed_ips: [] }] })
  if (id === undefined || id === 'detail')
    return json(200, { [plural]: rows.filter((row) => matches(row, url)) })
  return found === undefined ? json(404, {}) : json(200, { [singular]: found })
}

function extras(kind: string): Record<string, unknown> {
  if (kind === 'servers')
    return { status: 'ACTIVE', addresses: { net: [{ addr: '192.168.77.9' }] } }
  if (kind === 'images') return { status: 'active' }
  if (kind === 'keypairs') return { private_key: 'PRIVATE' }
  return kind === 'floatingips' ? { floating_ip_address: new URL(origin).host } : {}
}

function matches(row: Row, url: URL): boolean {
  const name = url.searchParams.get('name')?.replaceAll(/[$^]/g, '')
  return name === undefined || row['name'] === name
}

function catalog(): Answer {
  const entry = (type: string, path: string) => ({
    type,
    endpoints: [{ interface: 'public', region: 'RegionOne', url: `${origin}${path}` }],
  })
  const services = [
    entry('compute', '/compute'),
    entry('image', '/image'),
    entry('network', '/network/'),
  ]
  return json(201, { token: { catalog: services } })
}

function docker(): DockerApi {
  return {
    version: async () => '20.10',
    call: async () => ({ status: 200, text: '{"stream":"built"}' }),
    post: async () => ({ status: 200, text: '' }),
    get: async <T>() => ({ Id: 'sha256:1234' }) as T,
    remove: async () => undefined,
    stream: async () => Readable.from(['tar']),
  }
}
