import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../kernel/testkit/client.ts'
import { NETWORK, startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

const detailOf = (answer: { readonly body: Json }): string => answer.body.errors[0].detail

describe('discovery', () => {
  it('names the range where zunclient looks for it', async () => {
    const root = await bed.as('demo').get('/container')
    expect(root.body.versions[0]).toMatchObject({
      id: 'v1',
      status: 'CURRENT',
      min_version: '1.1',
      max_version: '1.40',
    })
    expect((await bed.as('demo').get('/container/v1')).body.containers[0].href).toMatch(
      /\/container\/v1\/containers\/$/,
    )
  })

  it.each([
    ['1.40', '1.40'],
    ['latest', '1.40'],
    ['1.7', '1.7'],
  ])('takes %s', async (asked, answered) => {
    const answer = await bed.at(asked).get('/containers')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('openstack-api-version')).toBe(`container ${answered}`)
    expect(answer.headers.get('openstack-api-maximum-version')).toBe('container 1.40')
  })

  it('is 1.1 without a header, and refuses what is newer', async () => {
    const plain = await bed.as('demo').get('/container/v1/containers')
    expect(plain.headers.get('openstack-api-version')).toBe('container 1.1')
    const refused = await bed.at('1.41').get('/containers')
    expect(refused.status).toBe(406)
    expect(refused.body.errors[0]).toMatchObject({
      code: 'container.microversion-unsupported',
      status: 406,
      min_version: '1.1',
      max_version: '1.40',
    })
  })
})

describe('create and run', () => {
  it('runs a container with everything that was asked for', async () => {
    const { uuid } = await bed.run({
      name: 'web',
      command: ['sh', '-c', 'sleep 9'],
      cpu: 0.5,
      memory: '64',
      environment: { A: 'b' },
      labels: { tier: 'front' },
      workdir: '/srv',
      restart_policy: { Name: 'on-failure', MaximumRetryCount: 2 },
    })
    expect(await bed.show(uuid)).toMatchObject({
      name: 'web',
      status: 'Running',
      task_state: null,
      command: ['sh', '-c', 'sleep 9'],
      cpu: 0.5,
      memory: '64',
      disk: 10,
      environment: { A: 'b' },
      labels: { tier: 'front' },
      restart_policy: { Name: 'on-failure', MaximumRetryCount: '2' },
      addresses: { [NETWORK]: [{ version: 4, preserve_on_delete: false }] },
    })
    expect((await bed.show(uuid)).status_detail).toMatch(/^Up \d+ second/)
    const spec = bed.engine.specOf(uuid)
    expect(spec).toMatchObject({ command: ['sh', '-c', 'sleep 9'], workdir: '/srv', tty: false })
    expect(spec.limits).toMatchObject({ vcpus: 0.5, memoryMiB: 64 })
  })

  it('is Created without run, and has a name of its own', async () => {
    const made = await bed.create()
    expect(made.status).toBe('Creating')
    expect(made.name).toMatch(/^[a-z]+-\d+-container$/)
    expect(await bed.show(made.uuid)).toMatchObject({ status: 'Created', status_reason: null })
  })

  it('takes a command as a line up to 1.19 and as a list from 1.20 on', async () => {
    const { uuid } = await bed.run({ command: `sh -c "echo 'a b'"` }, '1.19')
    expect(bed.engine.specOf(uuid).command).toEqual(['sh', '-c', "echo 'a b'"])
    const line = { image: 'busybox', image_driver: 'glance', command: 'ls' }
    expect((await bed.at('1.20').post('/containers', line)).status).toBe(400)
    expect((await bed.at('1.19').post('/containers', { ...line, command: ['ls'] })).status).toBe(
      400,
    )
  })

  it.each([
    [{ auto_remove: true }, '1.2', 'auto_remove'],
    [{ hostname: 'box' }, '1.8', 'hostname'],
    [{ exposed_ports: { '80/tcp': {} } }, '1.23', 'exposed_ports'],
    [{ mounts: [{ type: 'bind', source: '', destination: '/a' }] }, '1.22', 'mounts.type'],
  ])('refuses %j before its version', async (wish, version, field) => {
    const answer = await bed
      .at(version)
      .post('/containers', { image: 'busybox', image_driver: 'glance', ...wish })
    expect(answer.status).toBe(400)
    expect(detailOf(answer)).toContain(field)
  })

  it.each([
    [{ cpu: 0.05 }, /cpu/],
    [{ memory: 2 }, /memory/],
    [{ image: 'nowhere' }, /nowhere could not be found/],
    [{ restart_policy: { Name: 'always', MaximumRetryCount: 3 } }, /maximum retry count/],
    [
      { restart_policy: { Name: 'maybe' } },
      /one of \["no","always","on-failure","unless-stopped"\]/,
    ],
    [{ mounts: [{ source: 'some-volume', destination: '/data' }] }, /no block storage service/],
    [{ nets: [{ network: NETWORK, port: NETWORK }] }, /either 'network' or 'port'/],
    [{ security_groups: ['default'], exposed_ports: { '80/tcp': {} } }, /exclude each other/],
    [{ availability_zone: 'mars' }, /availability zone mars/],
    [{ unknown: 1 }, /unknown/],
  ])('refuses %j with a reason', async (wish, reason) => {
    const answer = await bed
      .at()
      .post('/containers', { image: 'busybox', image_driver: 'glance', ...wish })
    expect(answer.status).toBe(400)
    expect(detailOf(answer)).toMatch(reason)
  })

  it.each([
    [{ privileged: true }, 'privileged'],
    [{ runtime: 'kata' }, 'runtime'],
    [{ host: 'yard-1' }, 'requested_destination'],
  ])('refuses a member %j', async (wish, rule) => {
    const answer = await bed
      .at()
      .post('/containers', { image: 'busybox', image_driver: 'glance', ...wish })
    expect(answer.status).toBe(403)
    expect(detailOf(answer)).toContain(rule)
  })

  it('is over its quota with a reason', async () => {
    const answer = await bed
      .at()
      .post('/containers', { image: 'busybox', image_driver: 'glance', cpu: 16 })
    expect(answer.status).toBe(202)
    const more = await bed
      .at()
      .post('/containers', { image: 'busybox', image_driver: 'glance', cpu: 16 })
    expect(more.status).toBe(403)
    expect(detailOf(more)).toMatch(/Quota exceeded for cpu/)
    await bed.settle()
    await bed.at('1.40').delete(`/containers/${answer.body.uuid}`)
    await bed.settle()
  })

  it('says why it could not be made, and can be deleted then', async () => {
    const { uuid } = await bed.run({ hostname: 'fail-build' })
    expect(await bed.show(uuid)).toMatchObject({ status: 'Error' })
    expect((await bed.show(uuid)).status_reason).toContain('fail-build')
    expect((await bed.at().delete(`/containers/${uuid}`)).status).toBe(204)
    await bed.settle()
    expect(await bed.show(uuid)).toMatchObject({ status: 404 })
  })
})

describe('list and show', () => {
  it('finds by id and by name, and says when a name is not enough', async () => {
    const one = await bed.create({ name: 'twin' })
    expect((await bed.show('twin')).uuid).toBe(one.uuid)
    for (const { href } of one.links) {
      const followed = await fetch(href, { headers: { 'x-auth-token': 'demo' } })
      expect(((await followed.json()) as Json).uuid).toBe(one.uuid)
    }
    await bed.create({ name: 'twin' })
    expect(await bed.show('twin')).toMatchObject({ status: 409 })
    expect((await bed.show(one.uuid)).uuid).toBe(one.uuid)
  })

  it('filters, pages and refuses what it does not know', async () => {
    const named = await bed.at().get('/containers?name=twin&status=Created')
    expect(named.body.containers).toHaveLength(2)
    expect((await bed.at().get('/containers?status=Paused')).body.containers).toEqual([])
    const first = (await bed.at().get('/containers?limit=1')).body
    expect(first.containers).toHaveLength(1)
    const rest = await fetch(first.next, { headers: { 'x-auth-token': 'demo' } })
    const { containers } = (await rest.json()) as Json
    expect(containers[0].uuid).not.toBe(first.containers[0].uuid)
    const odd = await bed.at().get('/containers?colour=red')
    expect(odd.status).toBe(400)
    expect(detailOf(odd)).toContain('colour')
  })

  it('keeps projects apart; an administrator sees all when he asks for it', async () => {
    const { uuid } = await bed.create({ name: 'mine' })
    expect(await bed.show(uuid, '1.40', 'other')).toMatchObject({ status: 404 })
    expect(await bed.show(uuid, '1.40', 'admin')).toMatchObject({ status: 404 })
    const seen = await bed.at('1.40', 'admin').get(`/containers/${uuid}?all_projects=true`)
    expect(seen.body).toMatchObject({ uuid, host: 'yard-1', privileged: false })
    expect((await bed.at().get('/containers?all_projects=1')).status).toBe(403)
    expect(await bed.show(uuid)).not.toHaveProperty('host')
  })
})

describe('delete', () => {
  it('asks for a stopped container, for stop, or for force', async () => {
    const { uuid } = await bed.run()
    const refused = await bed.at().delete(`/containers/${uuid}`)
    expect(refused.status).toBe(409)
    expect(detailOf(refused)).toBe(
      `Cannot delete container ${uuid} in Running state: it must be Created or Error or Stopped or Deleted or Dead.`,
    )
    expect((await bed.at().delete(`/containers/${uuid}?force=true`)).status).toBe(403)
    expect((await bed.at('1.11').delete(`/containers/${uuid}?stop=true`)).status).toBe(400)
    expect((await bed.at().delete(`/containers/${uuid}?stop=True`)).status).toBe(204)
    await bed.settle()
    expect(await bed.show(uuid)).toMatchObject({ status: 404 })
    expect(await bed.engine.list()).not.toContain(uuid)
    expect([...bed.network.ports.values()].map((port) => port.deviceId)).not.toContain(uuid)
  })

  it('goes by itself with auto_remove when its process ends', async () => {
    const { uuid } = await bed.run({ auto_remove: true })
    bed.engine.die(uuid, 0)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe(404)
  })
})

it.each([
  ['project', 409, 202],
  ['global', 409, 409],
] as const)('keeps names apart within the scope %s', async (scope, own, others) => {
  const strict = await startContainerBed(undefined, scope)
  const wish = { name: 'only', image: 'busybox', image_driver: 'glance' }
  await strict.create(wish)
  expect((await strict.at().post('/containers', wish)).status).toBe(own)
  expect((await strict.at('1.40', 'other').post('/containers', wish)).status).toBe(others)
  const { uuid } = await strict.create({ ...wish, name: 'second' })
  const taken = await strict.at().patch(`/containers/${uuid}`, { name: 'only' })
  expect(taken.status).toBe(409)
  await strict.settle()
  await strict.close()
})
