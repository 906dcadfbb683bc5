import { afterEach, describe, expect, it } from 'vitest'
import { InjectedFault, type Faults } from '../../kernel/testkit/faults.ts'
import { startWorld, wish, type World } from './testbed.ts'

let world: World
afterEach(async () => {
  await world.app.close()
})

/** Create, live, rescue, rebuild (from an image that is given, from one that is fetched), restart, resize, pause, stop, remove: every step that a workload's life has. */
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
  async ({ face, app }) =>
    await face.change(app.ctx(), 'w1', {
      rebuildWith: { imageId: '', key: 'docker:busybox:1', pull: 'always' },
    }),
  async ({ face, app }) => await face.change(app.ctx(), 'w1', { power: 'stopped', nics: [] }),
  async ({ face, app }) =>
    await face.change(app.ctx(), 'w1', { power: 'running', restart: 'hard' }),
  async ({ face, app }) => await face.remove(app.ctx(), 'w1'),
]

async function live(upTo: number, plan?: Faults['plan']): Promise<void> {
  world = await startWorld()
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
    world = await startWorld()
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
