import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

describe('restart policies', () => {
  it('start what ended, count it, and stop when they are told to', async () => {
    const { uuid } = await bed.run({ restart_policy: { Name: 'always' } })
    bed.engine.die(uuid, 1)
    await expect.poll(async () => (await bed.show(uuid)).restart_count).toBe(1)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Running')
    await bed.at().post(`/containers/${uuid}/kill`)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Stopped')
  })

  it('give up after so many failures', async () => {
    const policy = { Name: 'on-failure', MaximumRetryCount: 1 }
    const { uuid } = await bed.run({ restart_policy: policy })
    bed.engine.die(uuid, 1)
    await expect.poll(async () => (await bed.show(uuid)).restart_count).toBe(1)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Running')
    bed.engine.die(uuid, 2)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Stopped')
    expect(await bed.show(uuid)).toMatchObject({ exit_code: 2, restart_count: 1 })
  })

  it('leave alone what ended well', async () => {
    const { uuid } = await bed.run({ restart_policy: { Name: 'on-failure' } })
    bed.engine.die(uuid, 0)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Stopped')
  })
})

describe('health', () => {
  const healthcheck = { cmd: 'test -f /ok', interval: 1, retries: 2, timeout: 1 }

  it('is checked as asked, shown, and acted on by the restart policy', async () => {
    const { uuid } = await bed.run({ healthcheck, restart_policy: { Name: 'always' } })
    expect(bed.engine.specOf(uuid).health).toEqual({
      command: ['/bin/sh', '-c', 'test -f /ok'],
      intervalSeconds: 1,
      timeoutSeconds: 1,
      retries: 2,
    })
    bed.engine.setHealth(uuid, 'healthy')
    await expect.poll(async () => (await bed.show(uuid)).health).toBe('healthy')
    bed.engine.setHealth(uuid, 'unhealthy')
    await expect.poll(async () => (await bed.show(uuid)).restart_count).toBe(1)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Running')
  })
})

describe('auto_heal', () => {
  it('makes anew what vanished', async () => {
    const { uuid } = await bed.run({ auto_heal: true })
    bed.engine.vanish(uuid)
    await expect.poll(async () => (await bed.engine.observe(uuid)).container).toBe('running')
  })

  it('says so when it is off, and start makes it anew', async () => {
    const { uuid } = await bed.run()
    bed.engine.vanish(uuid)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Error')
    expect((await bed.show(uuid)).status_reason).toContain('gone from its host')
    await bed.at().post(`/containers/${uuid}/start`)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Running')
  })
})

it('opens ports of the host and volumes of its own', async () => {
  const { uuid } = await bed.run({
    published_ports: { '8080/tcp': 8080, '53/udp': 0 },
    mounts: [
      { size: 2, destination: '/data' },
      { type: 'bind', source: Buffer.from('hi').toString('base64'), destination: '/etc/motd' },
    ],
  })
  expect((await bed.show(uuid)).published_ports).toEqual({ '8080/tcp': 8080, '53/udp': 40_053 })
  const spec = bed.engine.specOf(uuid)
  expect(spec.volumes).toEqual([{ name: 'own-0', sizeMiB: 2048, path: '/data' }])
  expect(spec.files).toEqual([
    { path: '/etc/motd', content: Buffer.from('hi').toString('base64'), mode: 0o644 },
  ])
})

it('opens exposed ports by a group of its own, which goes with it', async () => {
  const { uuid } = await bed.run({ exposed_ports: { '80/tcp': {}, '53/udp': {}, '8080': {} } })
  const shown = await bed.show(uuid)
  expect(shown.ports.toSorted((a: number, b: number) => a - b)).toEqual([53, 80, 8080])
  const [group] = [...bed.network.groups.values()]
  expect(group?.name).toBe(`zun-${uuid}`)
  expect(shown.security_groups).toEqual([group?.id])
  const opened = group?.rules.map(
    ({ direction, ethertype, protocol, portMin, portMax }) =>
      `${direction} ${ethertype} ${protocol} ${portMin}-${portMax}`,
  )
  expect(opened).toEqual(
    expect.arrayContaining([
      'ingress IPv4 tcp 80-80',
      'ingress IPv6 tcp 80-80',
      'ingress IPv4 udp 53-53',
      'ingress IPv4 tcp 8080-8080',
    ]),
  )
  await bed.at().delete(`/containers/${uuid}?stop=true`)
  await bed.settle()
  expect(bed.network.groups.size).toBe(0)
})

it('goes back to the limits of before when the engine does not take new ones', async () => {
  const { uuid } = await bed.run({ memory: 128 })
  bed.engine.failOn.set('setLimits', 100)
  expect((await bed.at().patch(`/containers/${uuid}`, { memory: 64 })).status).toBe(200)
  await expect.poll(async () => (await bed.show(uuid)).status_reason).toMatch(/changing the limits/)
  bed.engine.failOn.delete('setLimits')
  await expect.poll(async () => (await bed.show(uuid)).status).toBe('Running')
  expect((await bed.show(uuid)).memory).toBe('128')
})
