/** workload for its tests: on the fake engine, a network that only remembers, and an owner that hears everything. */
import { Readable } from 'node:stream'
import { createFakeCompute, type FakeCompute } from '../../engines/fake/compute.ts'
import { withFaults, type Faults } from '../../kernel/testkit/faults.ts'
import { startTestApp, type TestApp } from '../../kernel/testkit/test-app.ts'
import { done } from '../../kernel/tasks/reconciler.ts'
import type { ContainerEngine } from '../../ports/container-engine.ts'
import type { ImageFace } from '../image/face.ts'
import type { NetworkFace } from '../network/face.ts'
import type { NewWorkload, Workload, WorkloadFace } from './face.ts'
import { createWorkload } from './index.ts'

/** A network that only remembers who is plugged and whose port was released. */
function fakeNetwork(): NetworkFace & {
  readonly plugged: Set<string>
  readonly released: Set<string>
} {
  const plugged = new Set<string>()
  const released = new Set<string>()
  const face: Partial<NetworkFace> = {
    async pluggedPorts(_ctx, ids) {
      return await Promise.resolve(ids.filter((id) => plugged.has(id)))
    },
    async plugPort(_ctx, id) {
      await Promise.resolve(plugged.add(id))
    },
    async unplugPort(_ctx, id) {
      await Promise.resolve(plugged.delete(id))
    },
    async releasePort(_ctx, id) {
      await Promise.resolve(released.add(id))
    },
    portsOf: async () => await Promise.resolve([]),
  }
  return { ...(face as NetworkFace), plugged, released } // the workload calls no other function of the face
}

const image: Partial<ImageFace> = {
  openImage: async () => await Promise.resolve(Readable.from(['a tar'])),
}

/** Stands for the service that owns the workload and is told of its fate. */
const owner = { kind: 'nobody', reconcile: async () => await Promise.resolve(done) }

export interface World {
  readonly app: TestApp
  readonly face: WorkloadFace
  readonly engine: FakeCompute
  readonly network: ReturnType<typeof fakeNetwork>
  readonly faults: Faults
  seen(id?: string): Promise<Workload | undefined>
}

const ENGINE_STEPS = [
  'loadImage',
  'pullImage',
  'ensureSandbox',
  'create',
  'start',
  'stop',
  'kill',
  'pause',
  'unpause',
  'setLimits',
  'destroy',
] as const

export async function startWorld(): Promise<World> {
  const faults: Faults = { calls: [], plan: undefined }
  const engine = createFakeCompute()
  const network = fakeNetwork()
  const compute: ContainerEngine = withFaults<ContainerEngine>(engine, faults, ENGINE_STEPS)
  const net = withFaults<NetworkFace>(network, faults, ['plugPort', 'unplugPort', 'releasePort'])
  const service = createWorkload({
    compute,
    network: net,
    image: image as ImageFace,
    hostName: 'here',
  })
  const app = await startTestApp([
    { ...service.definition, reconcilers: [...service.definition.reconcilers, owner] },
  ])
  return {
    app,
    face: service.face,
    engine,
    network,
    faults,
    seen: async (id = 'w1') => await service.face.find(app.ctx(), id),
  }
}

export const wish: NewWorkload = {
  id: 'w1',
  projectId: 'p',
  ownerKind: 'nobody',
  name: 'web',
  image: { imageId: 'i', key: 'sha256:aa' },
  diskGiB: 1,
  limits: { vcpus: 1, memoryMiB: 64, pids: 100 },
  nics: [{ portId: 'port-1', index: 0 }],
  power: 'running',
  process: { hostname: 'web', env: {}, labels: {}, tty: false, files: [] },
}
