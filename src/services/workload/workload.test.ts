import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { createFakeCompute, type FakeCompute } from '../../engines/fake/compute.ts'
import { InjectedFault, withFaults, type Faults } from '../../kernel/testkit/faults.ts'
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

interface World {
  readonly app: TestApp
  readonly face: WorkloadFace
  readonly engine: FakeCompute
  readonly network: ReturnType<typeof fakeNetwork>
  readonly faults: Faults
  seen(): Promise<Workload | undefined>
}

let world: World
afterEach(async () => {
  await world.app.close()
})

const ENGINE_STEPS = [
  'loadImage',
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

async function start(): Promise<World> {
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
    seen: async () => await service.face.find(app.ctx(), 'w1'),
  }
}

const wish: NewWorkload = {
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

/** Create, live, rescue, rebuild, restart, resize, pause, stop, remove: every step that a workload's life has. */
const life: readonly ((world: World) => Promise<unknown>)[] = [
  async ({ face, app }) => await face.create(app.ctx(), wish),
  async ({ face, app }) => await face.change(app.ctx(), 'w1', { restart: 'soft' }),
  async ({ face, app }) => await face.change(app.ctx(), 'w1', { power: 'paused' }),
  async ({ face, app }) =>
    await face.change(app.ctx(), 'w1', {
      power: 'running',
      limits: { vcpus: 2, memoryMiB: 128, pids: 100 },
    }),
  async ({ face, app }) => await face.change(app.ctx(), 'w1', { rescue: true }),
  async ({ face, app }) => await face.change(app.ctx(), 'w1', { rescue: false }),
  async ({ face, app }) =>
    await face.change(app.ctx(), 'w1', { rebuildWith: { imageId: 'j', key: 'sha256:bb' } }),
  async ({ face, app }) => await face.change(app.ctx(), 'w1', { power: 'stopped', nics: [] }),
  async ({ face, app }) =>
    await face.change(app.ctx(), 'w1', { power: 'running', restart: 'hard' }),
  async ({ face, app }) => await face.remove(app.ctx(), 'w1'),
]

async function live(upTo: number, plan?: Faults['plan']): Promise<void> {
  world = await start()
  world.faults.plan = plan
  for (const act of life.slice(0, upTo)) {
    await act(world)
    await world.app.runner.idle(1_000)
  }
}

/** How many engine calls a whole undisturbed life makes. */
const callsOfALife = async (): Promise<readonly string[]> => {
  await live(life.length)
  const { calls } = world.faults
  await world.app.close()
  return calls
}

const calls = await callsOfALife()

async function expectNothingLeft(): Promise<void> {
  expect(await world.seen()).toBeUndefined()
  expect(await world.engine.list()).toEqual([])
  expect([...world.network.plugged]).toEqual([])
  expect([...world.network.released]).toContain('port-1')
}

describe('a workload', () => {
  it('runs, follows every wish and leaves nothing', async () => {
    await live(1)
    expect(await world.seen()).toMatchObject({ seen: 'running', error: null, wish: 'running' })
    expect([...world.network.plugged]).toEqual(['port-1'])
    await world.face.remove(world.app.ctx(), 'w1')
    await world.app.settle()
    await expectNothingLeft()
  })

  it('that ends by itself is stopped, with its exit code, and is no error', async () => {
    await live(1)
    world.engine.die('w1', 3)
    await nudged()
    expect(await world.seen()).toMatchObject({
      seen: 'stopped',
      wish: 'stopped',
      exitCode: 3,
      error: null,
    })
  })

  it('comes back when somebody removed its container', async () => {
    await live(1)
    world.engine.vanish('w1')
    world.network.plugged.clear()
    await nudged()
    expect(await world.seen()).toMatchObject({ seen: 'running', error: null })
    expect([...world.network.plugged]).toEqual(['port-1'])
  })

  it('runs again after a power cut, even when the first attempt fails half-way', async () => {
    await live(1)
    world.engine.cutPower('w1')
    world.network.plugged.clear()
    world.engine.failOn.set('start', 1)
    await nudged()
    expect(await world.seen()).toMatchObject({ seen: 'running', wish: 'running', error: null })
  })

  it('shows the engine’s reason when it cannot be made, and can be deleted then', async () => {
    world = await start()
    await world.face.create(world.app.ctx(), {
      ...wish,
      process: { ...wish.process, hostname: 'fail-build' },
    })
    await world.app.settle()
    expect((await world.seen())?.error).toMatch(/creating the container: .*fail-build/)
    await world.face.remove(world.app.ctx(), 'w1')
    await world.app.settle()
    await expectNothingLeft()
  })

  it('waits on its own files when it is rescued, until it may go on or is rebuilt', async () => {
    await live(1)
    const { face, app, engine } = world
    const image = { imageId: 'i', key: 'sha256:aa' }
    await engine.removeImage(image.key) // no longer needed: the files come from the container
    for (const rescue of [true, false, true]) {
      await face.change(app.ctx(), 'w1', { rescue })
      await app.settle()
      expect(await world.seen()).toMatchObject({ seen: 'running', error: null, rescue })
      expect(await engine.hasImage(image.key)).toBe(false)
      const { entrypoint, keepFiles } = engine.specOf('w1')
      expect([entrypoint?.[0], keepFiles]).toEqual([rescue ? '/bin/sh' : undefined, true])
    }
    await face.change(app.ctx(), 'w1', { rebuildWith: image })
    await app.settle()
    expect(await world.seen()).toMatchObject({ seen: 'running', rescue: false })
    expect(engine.specOf('w1').keepFiles).toBeUndefined()
  })

  it('is rescued only so often that its layers stay few', async () => {
    await live(1)
    const { face, app } = world
    for (let times = 0; times < 60; times += 1)
      await face.change(app.ctx(), 'w1', { rescue: times % 2 === 0 })
    await expect(face.change(app.ctx(), 'w1', { rescue: true })).rejects.toThrow('too often')
    await app.settle()
  })

  it('leaves no orphan: what no row owns is removed', async () => {
    await live(1)
    await world.engine.ensureSandbox('stranger')
    const { nudge } = await import('../../kernel/tasks/store.ts')
    await nudge(world.app.ctx(), 'workload', 'stranger')
    await world.app.settle()
    expect(await world.engine.list()).toEqual(['w1'])
  })
})

async function nudged(): Promise<void> {
  const { nudge } = await import('../../kernel/tasks/store.ts')
  await nudge(world.app.ctx(), 'workload', 'w1')
  await world.app.settle()
}

describe('every step may be repeated', () => {
  it.each(calls.map((name, at) => ({ name, at })))(
    'the answer of call $at ($name) is lost',
    async ({ at }) => {
      await live(life.length, { at, when: 'after', times: 1 })
      await expectNothingLeft()
    },
  )
})

describe('every step may fail', () => {
  it.each(calls.map((name, at) => ({ name, at })))(
    'call $at ($name) fails once',
    async ({ at }) => {
      await live(life.length, { at, when: 'before', times: 1 })
      await expectNothingLeft()
    },
  )

  it('for good: the reason is shown, and a delete still leaves nothing', async () => {
    await live(1, { at: calls.indexOf('start'), when: 'before', times: 7 })
    const deadline = Date.now() + 30_000
    while ((await world.seen())?.error === null && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100))
    expect((await world.seen())?.error).toContain(
      `starting the container: ${new InjectedFault('start').message}`,
    )
    await world.face.remove(world.app.ctx(), 'w1')
    await world.app.runner.idle(1_000)
    await expectNothingLeft()
  }, 40_000)
})
