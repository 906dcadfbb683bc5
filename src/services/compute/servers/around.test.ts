import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { HOST, NETWORK, startComputeBed, type ComputeBed } from '../testbed.ts'

let bed: ComputeBed
let id: string
beforeAll(async () => {
  bed = await startComputeBed()
  ;({ id } = await bed.boot({ metadata: { a: '1' } }))
})
afterAll(async () => {
  await bed.close()
})

const path = (rest: string): string => `/compute/v2.1/servers/${id}${rest}`

describe('metadata', () => {
  it('is read and changed as a whole and key by key', async () => {
    const demo = bed.at('2.1')
    expect((await demo.post(path('/metadata'), { metadata: { b: '2' } })).body).toEqual({
      metadata: { a: '1', b: '2' },
    })
    expect((await demo.put(path('/metadata/c'), { meta: { c: '3' } })).body).toEqual({
      meta: { c: '3' },
    })
    expect((await demo.get(path('/metadata/c'))).body).toEqual({ meta: { c: '3' } })
    expect((await demo.delete(path('/metadata/c'))).status).toBe(204)
    expect((await demo.put(path('/metadata'), { metadata: { z: '0' } })).body).toEqual({
      metadata: { z: '0' },
    })
    expect((await demo.put(path('/metadata'), { metadata: {} })).body).toEqual({ metadata: {} })
  })

  it.each([
    ['GET', '/metadata/none', undefined, 404],
    ['DELETE', '/metadata/none', undefined, 404],
    ['PUT', '/metadata/a', { meta: { b: '1' } }, 400],
    ['POST', '/metadata', { metadata: { '': 'x' } }, 400],
    ['POST', '/metadata', {}, 400],
    ['PUT', '/metadata', { meta: {} }, 400],
    [
      'POST',
      '/metadata',
      { metadata: Object.fromEntries(Array.from({ length: 129 }, (_, at) => [`k${at}`, 'v'])) },
      403,
    ],
    ['GET', '/metadata/__proto__', undefined, 404],
    ['GET', '/metadata/constructor', undefined, 404],
  ])('%s %s is a refusal', async (method, rest, body, status) => {
    expect((await bed.at('2.1').send(method, path(rest), body)).status).toBe(status)
  })
})

describe('tags', () => {
  it('are set, found and deleted', async () => {
    const demo = bed.at('2.26')
    const added = await demo.put(path('/tags/blue'))
    expect([added.status, added.headers.get('location')]).toEqual([
      201,
      expect.stringContaining('/tags/blue'),
    ])
    expect((await demo.put(path('/tags/blue'))).status).toBe(204)
    expect((await demo.get(path('/tags/blue'))).status).toBe(204)
    expect((await demo.put(path('/tags'), { tags: ['x', 'y'] })).body).toEqual({ tags: ['x', 'y'] })
    const list = async (query: string): Promise<number> =>
      (await demo.get(`/compute/v2.1/servers?${query}`)).body.servers.length
    expect([
      await list('tags=x,y'),
      await list('tags=x,z'),
      await list('tags-any=x,z'),
      await list('not-tags=x,y'),
      await list('not-tags-any=z'),
    ]).toEqual([1, 0, 1, 0, 1])
    expect((await demo.delete(path('/tags/z'))).status).toBe(404)
    expect((await demo.delete(path('/tags'))).status).toBe(204)
    expect((await demo.get(path('/tags'))).body).toEqual({ tags: [] })
    expect((await bed.at('2.25').get(path('/tags'))).status).toBe(404)
  })
})

describe('interfaces and addresses', () => {
  it('are attached and detached while it runs', async () => {
    const demo = bed.at('2.49')
    const attached = await demo.post(path('/os-interface'), {
      interfaceAttachment: {
        net_id: NETWORK,
        fixed_ips: [{ ip_address: '10.0.0.77' }],
        tag: 'second',
      },
    })
    expect(attached.body.interfaceAttachment).toMatchObject({
      net_id: NETWORK,
      fixed_ips: [{ ip_address: '10.0.0.77' }],
    })
    await bed.settle()
    const port = attached.body.interfaceAttachment.port_id
    expect(
      (await bed.at('2.70').get(path(`/os-interface/${port}`))).body.interfaceAttachment,
    ).toMatchObject({ port_state: 'ACTIVE', tag: 'second' })
    expect((await demo.get(path('/os-interface'))).body.interfaceAttachments).toHaveLength(2)
    expect((await demo.get(path('/ips'))).body.addresses.private).toHaveLength(2)
    expect((await demo.get(path('/ips/private'))).body.private[0]).toEqual({
      version: 4,
      addr: expect.any(String),
    })
    expect((await demo.get(path('/ips/none'))).status).toBe(404)
    expect((await demo.delete(path(`/os-interface/${port}`))).status).toBe(202)
    await bed.settle()
    expect((await demo.delete(path(`/os-interface/${port}`))).status).toBe(404)
    expect(bed.network.ports.has(port)).toBe(false)
    expect((await demo.get(path('/os-interface'))).body.interfaceAttachments).toHaveLength(1)
    const actions = (await bed.at('2.51').get(path('/os-instance-actions'))).body.instanceActions
    expect(actions.map((one: { action: string }) => one.action)).toEqual([
      'detach_interface',
      'attach_interface',
      'create',
    ])
  })

  it('have security groups', async () => {
    expect(
      (await bed.at('2.1').get(path('/os-security-groups'))).body.security_groups,
    ).toMatchObject([{ name: 'default' }])
    expect((await bed.act(id, { removeSecurityGroup: { name: 'default' } })).status).toBe(202)
    expect(await bed.show(id)).not.toHaveProperty('security_groups')
    expect((await bed.act(id, { removeSecurityGroup: { name: 'default' } })).status).toBe(404)
    expect((await bed.act(id, { addSecurityGroup: { name: 'default' } })).status).toBe(202)
    expect((await bed.show(id)).security_groups).toEqual([{ name: 'default' }])
  })
})

describe('what a server tells', () => {
  it('its actions, with how they ended', async () => {
    const [create] = (
      await bed.at('2.58').get(path('/os-instance-actions?limit=100'))
    ).body.instanceActions.toReversed()
    const action = (
      await bed.at('2.84', 'admin').get(path(`/os-instance-actions/${create.request_id}`))
    ).body.instanceAction
    expect(action).toMatchObject({
      action: 'create',
      events: [
        {
          event: 'compute__do_build_and_run_instance',
          result: 'Success',
          host: HOST,
          details: null,
          traceback: null,
        },
      ],
    })
    expect((await bed.at('2.1').get(path('/os-instance-actions/req-none'))).status).toBe(404)
  })

  it('its output, and why it has no screen', async () => {
    expect((await bed.act(id, { 'os-getConsoleOutput': { length: 3 } })).status).toBe(200)
    expect((await bed.act(id, { 'os-getConsoleOutput': {} })).body.output).toEqual(
      expect.any(String),
    )
    expect((await bed.act(id, { 'os-getVNCConsole': { type: 'novnc' } })).status).toBe(400)
    expect(
      (
        await bed
          .at('2.6')
          .post(path('/remote-consoles'), { remote_console: { protocol: 'vnc', type: 'novnc' } })
      ).body.badRequest.message,
    ).toMatch(/no screen/)
  })

  it('its diagnostics, to administrators', async () => {
    expect((await bed.at('2.48').get(path('/diagnostics'))).status).toBe(403)
    expect((await bed.at('2.48', 'admin').get(path('/diagnostics'))).body).toMatchObject({
      state: 'running',
      num_nics: 1,
      memory_details: { maximum: expect.any(Number) },
    })
    expect((await bed.at('2.1', 'admin').get(path('/diagnostics'))).body).toHaveProperty('memory')
  })

  it('that it has no volumes, migrations or second host', async () => {
    expect((await bed.at('2.1').get(path('/os-volume_attachments'))).body).toEqual({
      volumeAttachments: [],
    })
    expect(
      (
        await bed
          .at('2.1')
          .post(path('/os-volume_attachments'), { volumeAttachment: { volumeId: NETWORK } })
      ).status,
    ).toBe(400)
    expect((await bed.at('2.23', 'admin').get(path('/migrations'))).body).toEqual({
      migrations: [],
    })
    expect((await bed.act(id, { migrate: null }, '2.1', 'admin')).body.badRequest.message).toMatch(
      /No valid host was found/,
    )
  })
})

describe('the books', () => {
  it('count what a project uses', async () => {
    const usage = (await bed.at('2.1').get('/compute/v2.1/limits')).body.limits.absolute
    expect(usage.totalInstancesUsed).toBeGreaterThan(0)
  })

  it('delete a server that is being built, and one whose build failed', async () => {
    bed.engine.failOn.set('start', Infinity)
    const made = await bed.at('2.1').post('/compute/v2.1/servers', {
      server: { name: 'doomed', imageRef: bed.imageId, flavorRef: bed.flavorId },
    })
    const doomed = made.body.server.id
    expect((await bed.show(doomed)).status).toBe('BUILD')
    expect((await bed.at('2.1').delete(`/compute/v2.1/servers/${doomed}`)).status).toBe(204)
    expect([204, 404]).toContain(
      (await bed.at('2.1').delete(`/compute/v2.1/servers/${doomed}`)).status,
    )
    bed.engine.failOn.clear()
    await bed.settle()
    expect((await bed.show(doomed)).status).toBe(404)
    expect((await bed.engine.list()).includes(doomed)).toBe(false)
  })

  it('give the snapshot of a deleted server up', async () => {
    const { id: other } = await bed.boot()
    bed.engine.delayMs = 100
    const image = (await bed.act(other, { createImage: { name: 'never' } }, '2.45')).body.image_id
    await bed.at('2.1').delete(`/compute/v2.1/servers/${other}`)
    bed.engine.delayMs = 0
    await bed.settle()
    expect((await bed.show(other)).status).toBe(404)
    const { status, body } = await bed.as('demo').get(`/image/v2/images/${image}`)
    expect([200, 404]).toContain(status)
    if (status === 200) expect(body.status).toBe('active')
  })

  it('see to it that a failed snapshot leaves nothing but its reason', async () => {
    const { id: other } = await bed.boot()
    bed.engine.failOn.set('commit', Infinity)
    const image = (await bed.act(other, { createImage: { name: 'broken' } }, '2.45')).body.image_id
    await expect
      .poll(async () => (await bed.show(other))['OS-EXT-STS:task_state'], { timeout: 15_000 })
      .toBe(null)
    bed.engine.failOn.clear()
    expect((await bed.as('demo').get(`/image/v2/images/${image}`)).status).toBe(404)
    const [action] = (await bed.at('2.1').get(`/compute/v2.1/servers/${other}/os-instance-actions`))
      .body.instanceActions
    expect(action).toMatchObject({
      action: 'createImage',
      message: 'Error',
      project_id: projectIdOf('demo'),
    })
  }, 20_000)
})
