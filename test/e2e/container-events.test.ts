import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Json } from '../../src/kernel/testkit/client.ts'
import { ContainerCloud } from '../support/container-cloud.ts'
import { ok, Session, until } from '../support/session.ts'

/** What a project hears of its containers' lives on the real engine: nobody asks, everything is told once, in order. */
let cloud: ContainerCloud
let owner: Listener
let other: Listener

beforeAll(async () => {
  cloud = await ContainerCloud.start()
  owner = await Listener.to(cloud, cloud.session)
  // an administrator hears his own project, and no other
  other = await Listener.to(cloud, await Session.login(cloud.process.credentials('admin')))
}, 120_000)

afterAll(async () => {
  owner.end()
  other.end()
  await cloud.close()
}, 120_000)

it('hears an end, and its exit code', async () => {
  const id = await cloud.run({ name: 'ends', command: ['sh', '-c', 'sleep 1; exit 3'] })
  const event = await owner.hears(id, ({ status }) => status === 'Stopped')
  expect(event).toMatchObject({ name: 'ends', exit_code: 3, oom_killed: false })
  expect(event.status_detail).toMatch(/^Exited\(3\) /)
  const told = owner.of(id).map(({ status }) => status)
  expect(told.slice(-2)).toEqual(['Running', 'Stopped'])
})

it('hears that a container was ended for want of memory', async () => {
  const eats = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'
  const id = await cloud.run({ command: ['sh', '-c', eats], memory: 16 })
  const event = await owner.hears(id, ({ status }) => status === 'Stopped')
  expect(event).toMatchObject({ oom_killed: true })
  expect(event.status_detail).toContain('OOMKilled')
})

it('hears why a container cannot be had', async () => {
  const id = await cloud.run({ image: '127.0.0.1:1/nobody/nothing', image_driver: 'docker' })
  const event = await owner.hears(id, ({ status }) => status === 'Error')
  expect(event.status_reason).toMatch(/127\.0\.0\.1:1.*refused/)
})

it('hears that a container is not well, that it is started again, and that it is gone', async () => {
  const id = await cloud.run({
    command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
    restart_policy: { Name: 'always' },
    healthcheck: { cmd: 'test -f /nowhere', interval: 1, retries: 1, timeout: 1 },
  })
  const unwell = ({ status, health }: Json) => status === 'Restarting' && health === 'unhealthy'
  const { restart_count: count, status_detail: detail } = await owner.hears(id, unwell)
  expect(detail).toBe('Restarting; unhealthy')
  const again = (one: Json) => one.status === 'Running' && one.restart_count >= count
  await owner.hears(id, again)
  ok(await cloud.at().delete(`/containers/${id}?stop=true`))
  await owner.hears(id, ({ status }) => status === 'Deleted')
  const told = owner.of(id)
  const places = [
    told.findIndex((one) => one.status === 'Running' && one.restart_count === 0),
    told.findIndex(unwell),
    told.findIndex(again),
    told.findIndex((one) => one.status === 'Deleting'),
    told.findIndex((one) => one.status === 'Deleted'),
  ]
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(places[0]).toBeGreaterThanOrEqual(0)
  expect(places.at(-1)).toBe(told.length - 1)
})

it('is kept open while nothing happens, and says nothing to others', async () => {
  const beats = owner.beats
  await until(
    () => Promise.resolve(owner.beats),
    (now) => now > beats,
    { what: 'a comment that keeps the connection' },
  )
  const id = await cloud.run({ command: ['true'] })
  await owner.hears(id, ({ status }) => status === 'Stopped')
  expect(owner.events.map(({ at }) => at)).toEqual(owner.events.map(({ at }) => at).toSorted())
  expect(owner.numbers).toEqual(owner.numbers.toSorted((a, b) => a - b))
  expect([owner.open, other.open]).toEqual([true, true])
  expect(other.events).toEqual([])
})

/** Reads server-sent events as a page would, and notes everything. */
class Listener {
  readonly events: Json[] = []
  readonly numbers: number[] = []
  /** Comments so far: the first comes with the answer. */
  beats = 0
  open = true
  readonly #ended = new AbortController()

  static async to(cloud: ContainerCloud, session: Session): Promise<Listener> {
    const listener = new Listener()
    const response = await fetch(`${cloud.process.url}/container/v1/events`, {
      headers: { 'x-auth-token': session.token },
      signal: listener.#ended.signal,
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    void listener.#read(response).catch(() => (listener.open = false))
    return listener
  }

  of(id: string): Json[] {
    return this.events.filter(({ uuid }) => uuid === id)
  }

  async hears(id: string, wanted: (event: Json) => boolean): Promise<Json> {
    const heard = await until(
      () => Promise.resolve(this.of(id)),
      (events) => events.some(wanted),
      { what: `an event of ${id}` },
    )
    return heard.find(wanted)
  }

  end(): void {
    this.#ended.abort()
  }

  async #read(response: Response): Promise<void> {
    let text = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
    }
    this.open = false
  }

  #take(block: string): void {
    if (block.startsWith(':')) {
      this.beats += 1
      return
    }
    const fields = new Map(
      block.split('\n').map((line) => {
        const [name = '', ...value] = line.split(': ')
        return [name, value.join(': ')] as const
      }),
    )
    expect(fields.get('event')).toBe('container')
    this.numbers.push(Number(fields.get('id')))
    this.events.push(JSON.parse(fields.get('data') ?? ''))
  }
}
