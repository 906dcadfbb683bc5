import { afterEach, describe, expect, it } from 'vitest'
import { inTx } from '../../kernel/db/db.ts'
import { nudge } from '../../kernel/tasks/store.ts'
import type { NewWorkload } from './face.ts'
import { startWorld, wish, type World } from './testbed.ts'

let world: World
afterEach(async () => {
  await world.app.close()
})

async function create(change: Partial<NewWorkload> = {}): Promise<void> {
  await world.face.create(world.app.ctx(), { ...wish, ...change })
}

async function look(id = 'w1'): Promise<void> {
  await nudge(world.app.ctx(), 'workload', id)
  await world.app.settle()
}

const byName = { imageId: '', key: 'docker:busybox:1' } as const

describe('an image by name', () => {
  it('is fetched once for a container, and not at all when it is there', async () => {
    world = await startWorld()
    const asked: string[] = []
    world.engine.registry = (name) => void asked.push(name)
    await create({ image: byName })
    await world.app.settle()
    expect(await world.seen()).toMatchObject({ seen: 'running', error: null, step: null })
    const once = asked.length
    expect(once).toBeGreaterThan(0)
    await create({ id: 'w2', image: byName, nics: [] })
    await world.app.settle()
    expect((await world.seen('w2'))?.seen).toBe('running')
    expect(asked).toHaveLength(once)
    await create({ id: 'w3', image: { ...byName, pull: 'always' }, nics: [] })
    await world.app.settle()
    expect(asked).toHaveLength(2 * once)
    world.engine.vanish('w3')
    await look('w3')
    expect((await world.seen('w3'))?.seen).toBe('running')
    expect(asked).toHaveLength(2 * once)
  })

  it('that cannot be had is an error at once, with the reason, until somebody asks again', async () => {
    world = await startWorld()
    let reason: string | undefined = 'connection refused'
    world.engine.registry = () => reason
    await create({ image: byName })
    await world.app.settle()
    expect((await world.seen())?.error).toBe(
      'loading the image: Cannot pull busybox:1: connection refused',
    )
    reason = undefined
    await world.face.change(world.app.ctx(), 'w1', { retry: true })
    await world.app.settle()
    expect(await world.seen()).toMatchObject({ seen: 'running', error: null })
  })

  it('is refused when it is not there and must not be fetched', async () => {
    world = await startWorld()
    await create({ image: { ...byName, pull: 'never' } })
    await world.app.settle()
    expect((await world.seen())?.error).toMatch(/busybox:1 is not on the host/)
  })

  it('holds nobody up while it is fetched, shows how far it is, and ends when it is not wanted', async () => {
    world = await startWorld()
    for (let at = 0; at < 8; at += 1) {
      world.engine.delayMs = 2_000
      await create({ id: `slow-${at}`, image: { imageId: '', key: `docker:slow-${at}` }, nics: [] })
    }
    await expect
      .poll(async () => (await world.seen('slow-0'))?.step, { timeout: 3_000 })
      .toMatch(/^pulling image slow-0/)
    world.engine.delayMs = 0
    await create()
    await expect.poll(async () => (await world.seen())?.seen, { timeout: 1_000 }).toBe('running')
    for (let at = 0; at < 8; at += 1) await world.face.remove(world.app.ctx(), `slow-${at}`)
    await expect.poll(async () => await world.seen('slow-0'), { timeout: 1_500 }).toBeUndefined()
    await expect.poll(async () => await world.engine.list()).toEqual(['w1'])
  }, 20_000)
})

describe('a restart policy', () => {
  const always = { name: 'always', maxRetries: 0 } as const

  async function runsAgain(restarts: number): Promise<void> {
    await expect
      .poll(async () => await world.seen(), { timeout: 3_000 })
      .toMatchObject({ seen: 'running', restarting: false, restarts })
  }

  it('starts again what ended by itself, and leaves what a user killed or stopped', async () => {
    world = await startWorld()
    await create({ restartPolicy: always })
    await world.app.settle()
    world.engine.die('w1', 0)
    await look()
    await runsAgain(1)
    await world.face.kill(world.app.ctx(), 'w1', 'HUP')
    await look()
    await runsAgain(1)
    await world.face.kill(world.app.ctx(), 'w1', 'sigkill')
    await look()
    expect(await world.seen()).toMatchObject({ seen: 'stopped', wish: 'stopped', exitCode: 137 })
    await world.face.change(world.app.ctx(), 'w1', { power: 'running' })
    await world.app.settle()
    await world.face.change(world.app.ctx(), 'w1', { power: 'stopped' })
    await world.app.settle()
    await look()
    expect(await world.seen()).toMatchObject({ seen: 'stopped', wish: 'stopped' })
  })
})

describe('a capsule', () => {
  const owner = { sharesSandbox: true } as const
  const guest = { id: 'w2', nics: [], sandboxOf: 'w1' } as const

  it('goes guests first, whoever is asked first', async () => {
    world = await startWorld()
    await create(owner)
    await create(guest)
    await world.app.settle()
    expect((await world.seen('w2'))?.seen).toBe('running')
    const order: string[] = []
    world.engine.failOn.set('destroy', (id) => {
      order.push(id)
      return id === 'w2' && order.length < 4
    })
    await inTx(world.app.ctx(), async (tx) => {
      await world.face.remove(tx, 'w1')
      await world.face.remove(tx, 'w2')
    })
    await expect.poll(async () => await world.seen('w1'), { timeout: 3_000 }).toBeUndefined()
    expect(order).toEqual(['w2', 'w2', 'w2', 'w2', 'w1'])
    expect(await world.engine.list()).toEqual([])
    expect([...world.network.plugged]).toEqual([])
  })

  it('has its network again after a start of the host, though its first container had ended', async () => {
    world = await startWorld()
    await create(owner)
    await create(guest)
    await world.app.settle()
    world.engine.die('w1', 0)
    await look('w1')
    expect(await world.seen('w1')).toMatchObject({ wish: 'stopped' })
    for (const id of ['w1', 'w2']) world.engine.cutPower(id)
    world.network.plugged.clear()
    await look('w2')
    expect(await world.seen('w2')).toMatchObject({ seen: 'running', error: null })
    expect([...world.network.plugged]).toEqual(['port-1'])
    expect(await world.seen('w1')).toMatchObject({ seen: 'stopped', error: null })
  })
})
