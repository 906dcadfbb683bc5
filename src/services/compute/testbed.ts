/** compute for its tests: servers over the real workload and image services, the fake engine and a network in memory. */
import { randomUUID } from 'node:crypto'
import { createFakeCompute, type FakeCompute } from '../../engines/fake/compute.ts'
import { createFakeImageStore } from '../../engines/fake/image-store.ts'
import type { Db } from '../../kernel/db/db.ts'
import { startTestApp, type Person, type TestApp, personIn } from '../../kernel/testkit/test-app.ts'
import type { Json, TestClient } from '../../kernel/testkit/client.ts'
import type { IdentityFace } from '../identity/face.ts'
import { createImage } from '../image/index.ts'
import { createWorkload } from '../workload/index.ts'
import { createCompute } from './index.ts'
import { memoryNetwork, type MemoryNetwork } from './testbed-network.ts'

export { NETWORK } from './testbed-network.ts'

export const HOST = 'yard-1'

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
  const workload = createWorkload({
    compute: engine,
    network: network.face,
    image: image.face,
    hostName: HOST,
  })
  const compute = createCompute({
    identity: identityStandIn,
    image: image.face,
    network: network.face,
    workload: workload.face,
    hostName: HOST,
    zone: 'nova',
    vendorData: { licence: { server: '192.0.2.7' } },
  })
  const app = await startTestApp(
    [image.definition, workload.definition, compute.definition],
    ...(db === undefined ? [] : [db]),
  )
  await compute.bootstrap(app.ctx())
  compute.start(app.ctx())
  const bed = bedOver(app, engine, network)
  return { ...bed, imageId: await bed.upload('busybox'), flavorId: await anyFlavor(app) }
}

const identityStandIn: IdentityFace = {
  authenticate: async () => await Promise.resolve(undefined),
  whoIn: async (_ctx, userId, projectId) => await Promise.resolve(personIn(userId, projectId)),
  findProject: async (_ctx, id) =>
    await Promise.resolve({ id, name: id, domainId: 'default', enabled: true }),
  findProjectByName: async () => await Promise.resolve(undefined),
  findUser: async (_ctx, id) => await Promise.resolve({ id, name: id }),
}

async function anyFlavor(app: TestApp): Promise<string> {
  const { flavors } = (await app.as('demo').get('/compute/v2.1/flavors/detail')).body
  return flavors.toSorted((a: Json, b: Json) => a.ram - b.ram)[0].id
}

function bedOver(app: TestApp, engine: FakeCompute, network: MemoryNetwork): ComputeBed {
  const at = (version: string, person: Person = 'demo'): TestClient =>
    app.as(person).with({ 'OpenStack-API-Version': `compute ${version}` })
  const bed: ComputeBed = {
    ...app,
    engine,
    network,
    imageId: '',
    flavorId: '',
    at,
    async boot(wish = {}, version = '2.1') {
      const base = {
        name: 'web',
        imageRef: bed.imageId || (await newestImage(app)),
        flavorRef: await anyFlavor(app),
        ...(Number(version.split('.')[1]) >= 37 ? { networks: 'auto' } : {}),
      }
      const answer = await at(version).post('/compute/v2.1/servers', {
        server: { ...base, ...wish },
      })
      if (answer.status !== 202)
        throw new Error(`no server: ${answer.status} ${answer.bytes.toString()}`)
      await app.settle()
      return answer.body.server
    },
    async show(id, version = '2.1', person = 'demo') {
      const answer = await at(version, person).get(`/compute/v2.1/servers/${id}`)
      return answer.status === 200 ? answer.body.server : answer
    },
    act: async (id, body, version = '2.1', person = 'demo') =>
      await at(version, person).post(`/compute/v2.1/servers/${id}/action`, body),
    upload: async (name, wish = {}) => await upload(app, name, wish),
  }
  return bed
}

async function upload(app: TestApp, name: string, wish: Record<string, unknown>): Promise<string> {
  const made = await app.as('admin').post('/image/v2/images', {
    name,
    visibility: 'public',
    container_format: 'docker',
    disk_format: 'raw',
    ...wish,
  })
  if (made.status !== 201) throw new Error(`no image: ${made.status} ${made.bytes.toString()}`)
  await app
    .as('admin')
    .with({ 'content-type': 'application/octet-stream' })
    .put(`/image/v2/images/${made.body.id}/file`, `${name} ${randomUUID()}`)
  return made.body.id
}

async function newestImage(app: TestApp): Promise<string> {
  return (await app.as('demo').get('/image/v2/images?name=busybox')).body.images[0].id
}
