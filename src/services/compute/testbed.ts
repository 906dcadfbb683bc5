/** compute for its tests: servers over the real workload and image services, the fake engine and a network in memory. */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { createFakeCompute, type FakeCompute } from '../../engines/fake/compute.ts'
import { createFakeImageStore } from '../../engines/fake/image-store.ts'
import { whoOf } from '../../kernel/ctx/ctx.ts'
import type { Db } from '../../kernel/db/db.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import { projectIdOf, startTestApp, type Person, type TestApp } from '../../kernel/testkit/test-app.ts'
import type { Json, TestClient } from '../../kernel/testkit/client.ts'
import type { IdentityFace } from '../identity/face.ts'
import { createImage } from '../image/index.ts'
import type { NetworkFace, NetworkInfo, PortInfo } from '../network/face.ts'
import { createWorkload } from '../workload/index.ts'
import { createCompute } from './index.ts'

export const HOST = 'yard-1'
export const NETWORK = 'aaaaaaaa-0000-4000-8000-000000000000'

export interface ComputeBed extends TestApp {
  readonly engine: FakeCompute
  readonly network: MemoryNetwork
  /** Id of an active docker image. */
  readonly imageId: string
  readonly flavorId: string
  /** A client at this microversion, with paths below `/compute/v2.1`. */
  at(version: string, person?: Person): TestClient
  /** Makes a server and waits until it is settled; answers what `POST` said. */
  boot(wish?: Record<string, unknown>, version?: string): Promise<Json>
  show(id: string, version?: string, person?: Person): Promise<Json>
  act(id: string, body: unknown, version?: string, person?: Person): ReturnType<TestClient['post']>
  upload(name: string, wish?: Record<string, unknown>): Promise<string>
}

export async function startComputeBed(db?: Db): Promise<ComputeBed> {
  const engine = createFakeCompute()
  const network = memoryNetwork()
  const image = createImage({ store: createFakeImageStore() })
  const workload = createWorkload({ compute: engine, network: network.face, image: image.face, hostName: HOST })
  const compute = createCompute({ identity: identityStandIn, image: image.face, network: network.face, workload: workload.face, hostName: HOST, zone: 'nova' })
  const app = await startTestApp([image.definition, workload.definition, compute.definition], ...(db === undefined ? [] : [db]))
  await compute.bootstrap(app.ctx())
  compute.start(app.ctx())
  const bed = bedOver(app, engine, network)
  return { ...bed, imageId: await bed.upload('busybox'), flavorId: await anyFlavor(app) }
}

const identityStandIn: IdentityFace = {
  authenticate: async () => await Promise.resolve(undefined),
  findProject: async (_ctx, id) => await Promise.resolve({ id, name: id, domainId: 'default', enabled: true }),
  findProjectByName: async () => await Promise.resolve(undefined),
  findUser: async (_ctx, id) => await Promise.resolve({ id, name: id }),
}

async function anyFlavor(app: TestApp): Promise<string> {
  const { flavors } = (await app.as('demo').get('/compute/v2.1/flavors/detail')).body
  return flavors.toSorted((a: Json, b: Json) => a.ram - b.ram)[0].id
}

function bedOver(app: TestApp, engine: FakeCompute, network: MemoryNetwork): ComputeBed {
  const at = (version: string, person: Person = 'demo'): TestClient => app.as(person).with({ 'OpenStack-API-Version': `compute ${version}` })
  const bed: ComputeBed = {
    ...app, engine, network, imageId: '', flavorId: '', at,
    async boot(wish = {}, version = '2.1') {
      const base = { name: 'web', imageRef: bed.imageId || (await newestImage(app)), flavorRef: await anyFlavor(app), ...(Number(version.split('.')[1]) >= 37 ? { networks: 'auto' } : {}) }
      const answer = await at(version).post('/compute/v2.1/servers', { server: { ...base, ...wish } })
      if (answer.status !== 202) throw new Error(`no server: ${answer.status} ${answer.bytes.toString()}`)
      await app.settle()
      return answer.body.server
    },
    async show(id, version = '2.1', person = 'demo') {
      const answer = await at(version, person).get(`/compute/v2.1/servers/${id}`)
      return answer.status === 200 ? answer.body.server : answer
    },
    act: async (id, body, version = '2.1', person = 'demo') => await at(version, person).post(`/compute/v2.1/servers/${id}/action`, body),
    async upload(name, wish = {}) {
      const made = await app.as('admin').post('/image/v2/images', { name, visibility: 'public', container_format: 'docker', disk_format: 'raw', ...wish })
      if (made.status !== 201) throw new Error(`no image: ${made.status} ${made.bytes.toString()}`)
      await app.as('admin').with({ 'content-type': 'application/octet-stream' }).put(`/image/v2/images/${made.body.id}/file`, `${name} ${randomUUID()}`)
      return made.body.id
    },
  }
  return bed
}

async function newestImage(app: TestApp): Promise<string> {
  return (await app.as('demo').get('/image/v2/images?name=busybox')).body.images[0].id
}

export interface MemoryNetwork {
  readonly face: NetworkFace
  readonly ports: Map<string, PortInfo>
  readonly plugged: Set<string>
  readonly networks: NetworkInfo[]
  /** A connection from a guest to its metadata address. */
  connect(socket: Socket, from: { readonly networkId: string; readonly address: string }): void
}

const sayNo = (): never => {
  throw new Error('the network in memory cannot do this')
}

/** As much of Neutron as servers ask for. */
function memoryNetwork(): MemoryNetwork {
  const ports = new Map<string, PortInfo>()
  const owned = new Set<string>()
  const plugged = new Set<string>()
  const networks: NetworkInfo[] = [{ id: NETWORK, name: 'private', projectId: projectIdOf('demo'), shared: true, external: false, mtu: 1450, portSecurity: true, subnetIds: ['s'] }]
  const group = { id: '99999999-0000-4000-8000-000000000001', name: 'default' }
  const info = { ...group, description: '', projectId: projectIdOf('demo'), rules: [] }
  let accept: (socket: Socket, from: { readonly networkId: string; readonly address: string }) => void = sayNo
  let next = 10
  const change = (id: string, to: Partial<PortInfo>): PortInfo => {
    const port = ports.get(id)
    if (port === undefined) throw cloudError('notFound', `Port ${id} could not be found.`)
    const changed = { ...port, ...to }
    ports.set(id, changed)
    return changed
  }
  const face: NetworkFace = {
    listNetworks: async () => await Promise.resolve(networks),
    findNetwork: async (_ctx, id) => await Promise.resolve(networks.find((network) => network.id === id)),
    async createPort(ctx, wish) {
      const address = wish.fixedIp ?? `10.0.0.${next++}`
      const port: PortInfo = {
        id: randomUUID(), name: wish.name, networkId: wish.networkId, networkName: networks.find((one) => one.id === wish.networkId)?.name ?? '', projectId: whoOf(ctx).projectId ?? '',
        deviceId: wish.deviceId, mac: `fa:16:3e:00:00:${next.toString(16).padStart(2, '0')}`, mtu: 1450, status: 'DOWN', floatingIps: [],
        fixedIps: [{ subnetId: 'bbbbbbbb-0000-4000-8000-000000000000', address, version: 4, cidr: '10.0.0.0/24', gateway: '10.0.0.1', dns: ['10.0.0.2'] }],
        securityGroups: (wish.securityGroupIds ?? [group.id]).map((id) => ({ id, name: id === group.id ? 'default' : id })),
      }
      ports.set(port.id, port)
      if (wish.owned) owned.add(port.id)
      return await Promise.resolve(port)
    },
    claimPort: async (_ctx, id, device) => await Promise.resolve(change(id, { deviceId: device.deviceId })),
    findPort: async (_ctx, id) => await Promise.resolve(ports.get(id)),
    async portsOf(_ctx, ids) {
      const wanted = new Set(ids)
      return await Promise.resolve([...ports.values()].filter((port) => wanted.has(port.deviceId)))
    },
    async releasePort(_ctx, id) {
      plugged.delete(id)
      if (owned.has(id)) ports.delete(id)
      else if (ports.has(id)) change(id, { deviceId: '', status: 'DOWN' })
      await Promise.resolve()
    },
    async plugPort(_ctx, id) {
      plugged.add(id)
      change(id, { status: 'ACTIVE' })
      await Promise.resolve()
    },
    async unplugPort(_ctx, id) {
      plugged.delete(id)
      await Promise.resolve()
    },
    pluggedPorts: async (_ctx, ids) => await Promise.resolve(ids.filter((id) => plugged.has(id))),
    onMetadata: (handler) => void (accept = handler),
    portAt: async (_ctx, networkId, address) => await Promise.resolve([...ports.values()].find((port) => port.networkId === networkId && port.fixedIps.some((ip) => ip.address === address))),
    async resolveSecurityGroup(_ctx, name) {
      if (name !== group.id && name !== group.name) throw cloudError('notFound', `Security group ${name} not found.`)
      return await Promise.resolve(info)
    },
    listSecurityGroups: async () => await Promise.resolve([info]),
    setPortSecurityGroups: async (_ctx, id, groupIds) => void (await Promise.resolve(change(id, { securityGroups: groupIds.map((groupId) => ({ id: groupId, name: 'default' })) }))),
    createSecurityGroup: sayNo, updateSecurityGroup: sayNo, deleteSecurityGroup: sayNo, createSecurityGroupRule: sayNo, deleteSecurityGroupRule: sayNo,
    listFloatingIps: async () => await Promise.resolve([]), createFloatingIp: sayNo, deleteFloatingIp: sayNo, associateFloatingIp: sayNo,
  }
  return { face, ports, plugged, networks, connect: (socket, from) => accept(socket, from) }
}
