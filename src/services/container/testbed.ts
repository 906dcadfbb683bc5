/** container for its tests: containers over the real workload and image services, the fake engine and a network in memory. */
import { randomUUID } from 'node:crypto'
import { createFakeCompute, type FakeCompute } from '../../engines/fake/compute.ts'
import { createFakeImageStore } from '../../engines/fake/image-store.ts'
import type { Db } from '../../kernel/db/db.ts'
import { startTestApp, type Person, type TestApp, personIn } from '../../kernel/testkit/test-app.ts'
import type { Json, TestClient } from '../../kernel/testkit/client.ts'
import { createCompute } from '../compute/index.ts'
import { memoryNetwork, type MemoryNetwork } from '../compute/testbed-network.ts'
import type { IdentityFace } from '../identity/face.ts'
import { createImage } from '../image/index.ts'
import { createWorkload } from '../workload/index.ts'
import type { ContainerDeps } from './deps.ts'
import { createContainerService } from './index.ts'

export { NETWORK } from '../compute/testbed-network.ts'

export const HOST = 'yard-1'

export interface ContainerBed extends TestApp {
  readonly engine: FakeCompute
  readonly network: MemoryNetwork
  /** Id of an active docker image in the image service, named busybox. */
  readonly imageId: string
  /** A client at this microversion (1.40 unless given). */
  at(version?: string, person?: Person): ContainerClient
  /** Makes a container and waits until it is settled; answers what `POST` said. */
  run(wish?: Record<string, unknown>, version?: string): Promise<Json>
  create(wish?: Record<string, unknown>, version?: string): Promise<Json>
  show(ident: string, version?: string, person?: Person): Promise<Json>
}

/** Paths below `/container/v1`. */
export type ContainerClient = Pick<TestClient, 'get' | 'post' | 'put' | 'patch' | 'delete'>

export async function startContainerBed(
  db?: Db,
  uniqueNames: ContainerDeps['uniqueNames'] = 'none',
): Promise<ContainerBed> {
  const engine = createFakeCompute()
  const network = memoryNetwork()
  const image = createImage({ store: createFakeImageStore() })
  const workload = createWorkload({
    compute: engine,
    network: network.face,
    image: image.face,
    hostName: HOST,
  })
  const faces = { identity: identityStandIn, image: image.face, network: network.face }
  const home = {
    workload: workload.face,
    hostName: HOST,
    zone: 'nova',
    vendorData: {},
  } as const
  const compute = createCompute({ ...faces, ...home })
  const container = createContainerService({
    ...faces,
    ...home,
    compute: compute.face,
    builds: {
      builder: engine,
      contexts: createFakeImageStore(),
      limitMs: 2000,
      maxContextBytes: 100_000,
    },
    uniqueNames,
    secrets: inBase64,
  })
  const app = await startTestApp(
    [image.definition, workload.definition, compute.definition, container.definition],
    ...(db === undefined ? [] : [db]),
  )
  await container.start(app.ctx())
  const stop = new AbortController()
  const watching = workload.watch(app.ctx(), stop.signal)
  await compute.bootstrap(app.ctx())
  const imageId = await upload(app, 'busybox')
  const bed = bedOver(app, engine, network, imageId)
  return {
    ...bed,
    async close() {
      stop.abort()
      await watching
      await app.close()
    },
  }
}

/** Not readable at a glance is secret enough for a test. */
const inBase64 = {
  seal: (plain: string) => Buffer.from(plain).toString('base64'),
  open: (sealed: string) => Buffer.from(sealed, 'base64').toString(),
}

const identityStandIn: IdentityFace = {
  authenticate: async () => await Promise.resolve(undefined),
  whoIn: async (_ctx, userId, projectId) => await Promise.resolve(personIn(userId, projectId)),
  findProject: async (_ctx, id) =>
    await Promise.resolve({ id, name: id, domainId: 'default', enabled: true }),
  findProjectByName: async () => await Promise.resolve(undefined),
  findUser: async (_ctx, id) => await Promise.resolve({ id, name: id }),
}

function bedOver(
  app: TestApp,
  engine: FakeCompute,
  network: MemoryNetwork,
  imageId: string,
): ContainerBed {
  const at = (version = '1.40', person: Person = 'demo'): ContainerClient => {
    const client = app.as(person).with({ 'OpenStack-API-Version': `container ${version}` })
    const below = (path: string): string => `/container/v1${path}`
    return {
      get: async (path) => await client.get(below(path)),
      post: async (path, body) => await client.post(below(path), body),
      put: async (path, body) => await client.put(below(path), body),
      patch: async (path, body) => await client.patch(below(path), body),
      delete: async (path) => await client.delete(below(path)),
    }
  }
  const make = async (path: string, wish: object, version?: string): Promise<Json> => {
    const answer = await at(version).post(path, {
      image: 'busybox',
      image_driver: 'glance',
      ...wish,
    })
    if (answer.status !== 202)
      throw new Error(`no container: ${answer.status} ${answer.bytes.toString()}`)
    await app.settle()
    return answer.body
  }
  return {
    ...app,
    engine,
    network,
    imageId,
    at,
    run: async (wish = {}, version) => await make('/containers?run=true', wish, version),
    create: async (wish = {}, version) => await make('/containers', wish, version),
    async show(ident, version, person) {
      const answer = await at(version, person).get(`/containers/${ident}`)
      return answer.status === 200 ? answer.body : answer
    },
  }
}

async function upload(app: TestApp, name: string): Promise<string> {
  const made = await app.as('admin').post('/image/v2/images', {
    name,
    visibility: 'public',
    container_format: 'docker',
    disk_format: 'raw',
  })
  if (made.status !== 201) throw new Error(`no image: ${made.status} ${made.bytes.toString()}`)
  await app
    .as('admin')
    .with({ 'content-type': 'application/octet-stream' })
    .put(`/image/v2/images/${made.body.id}/file`, `${name} ${randomUUID()}`)
  return made.body.id
}
