import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOST, startComputeBed, type ComputeBed } from '../testbed.ts'

let bed: ComputeBed
beforeAll(async () => {
  bed = await startComputeBed()
})
afterAll(async () => {
  await bed.close()
})

describe('the life of a server', () => {
  it('is built, shown, stopped, started, rebooted and deleted', async () => {
    const made = await bed.boot({ metadata: { COLOUR: 'blue' } })
    expect(made).toMatchObject({
      'OS-DCF:diskConfig': 'MANUAL',
      security_groups: [{ name: 'default' }],
    })
    const server = await bed.show(made.id)
    expect(server).toMatchObject({
      status: 'ACTIVE',
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-STS:task_state': null,
      'OS-EXT-STS:power_state': 1,
      metadata: { COLOUR: 'blue' },
      progress: 0,
    })
    expect(server.addresses.private[0]).toMatchObject({ version: 4, 'OS-EXT-IPS:type': 'fixed' })
    expect(server['OS-SRV-USG:launched_at']).toMatch(/^\d{4}-/)
    expect(server).not.toHaveProperty('OS-EXT-SRV-ATTR:host')
    expect((await bed.act(made.id, { 'os-stop': null })).status).toBe(202)
    await bed.settle()
    expect((await bed.show(made.id)).status).toBe('SHUTOFF')
    expect((await bed.act(made.id, { 'os-stop': null })).body.conflictingRequest.message).toMatch(
      /Cannot 'stop' instance .* while it is in vm_state stopped/,
    )
    expect((await bed.act(made.id, { reboot: { type: 'SOFT' } })).status).toBe(409)
    await bed.act(made.id, { 'os-start': null })
    await bed.settle()
    expect((await bed.act(made.id, { reboot: { type: 'SOFT' } })).status).toBe(202)
    expect((await bed.show(made.id)).status).toMatch(/REBOOT|ACTIVE/)
    await bed.settle()
    expect((await bed.show(made.id)).status).toBe('ACTIVE')
    expect((await bed.as('demo').delete(`/compute/v2.1/servers/${made.id}`)).status).toBe(204)
    await bed.settle()
    expect((await bed.show(made.id)).status).toBe(404)
    expect(bed.network.ports.size).toBe(0)
    const actions = (
      await bed.at('2.21').get(`/compute/v2.1/servers/${made.id}/os-instance-actions`)
    ).body.instanceActions
    expect(actions.map((one: { action: string }) => one.action)).toEqual([
      'delete',
      'reboot',
      'start',
      'stop',
      'create',
    ])
  })

  it.each([
    [{ pause: null }, 'PAUSED', { unpause: null }],
    [{ suspend: null }, 'SUSPENDED', { resume: null }],
    [{ shelve: null }, 'SHELVED_OFFLOADED', { unshelve: null }],
  ])('%j leads to %s and back', async (away, status, back) => {
    const { id } = await bed.boot()
    expect((await bed.act(id, away)).status).toBe(202)
    await bed.settle()
    expect((await bed.show(id)).status).toBe(status)
    expect((await bed.act(id, away)).status).toBe(409)
    expect((await bed.act(id, back)).status).toBe(202)
    await bed.settle()
    expect(await bed.show(id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null })
    expect((await bed.as('demo').get('/image/v2/images?name=web-shelved')).body.images).toEqual([])
  })

  it('is resized, confirmed, and taken back', async () => {
    const flavors = (
      await bed.as('demo').get('/compute/v2.1/flavors/detail')
    ).body.flavors.toSorted((a: { ram: number }, b: { ram: number }) => a.ram - b.ram)
    const { id } = await bed.boot()
    expect((await bed.act(id, { resize: { flavorRef: flavors[0].id } })).status).toBe(400)
    await bed.act(id, { resize: { flavorRef: flavors[1].id } })
    await bed.settle()
    expect(await bed.show(id)).toMatchObject({
      status: 'VERIFY_RESIZE',
      flavor: { id: flavors[1].id },
    })
    expect((await bed.act(id, { confirmResize: null })).status).toBe(204)
    expect((await bed.show(id)).status).toBe('ACTIVE')
    await bed.act(id, { resize: { flavorRef: flavors[0].id } })
    await bed.settle()
    await bed.act(id, { revertResize: null })
    await bed.settle()
    expect(await bed.show(id)).toMatchObject({ status: 'ACTIVE', flavor: { id: flavors[1].id } })
  })

  it('is rebuilt from another image with the same addresses', async () => {
    const other = await bed.upload('alpine')
    const { id } = await bed.boot()
    const before = await bed.show(id)
    const answer = await bed.act(id, {
      rebuild: { imageRef: other, name: 'anew', metadata: { a: 'b' } },
    })
    expect(answer.status).toBe(202)
    expect(answer.body.server).toMatchObject({
      status: 'REBUILD',
      name: 'anew',
      image: { id: other },
    })
    await bed.settle()
    expect(await bed.show(id)).toMatchObject({
      status: 'ACTIVE',
      addresses: before.addresses,
      metadata: { a: 'b' },
    })
  })

  it('ends in ERROR with the engine’s reason, and is brought back by a hard reboot', async () => {
    bed.engine.failOn.set('start', Infinity)
    const answer = await bed.at('2.1').post('/compute/v2.1/servers', {
      server: { name: 'bad', imageRef: bed.imageId, flavorRef: bed.flavorId },
    })
    const { id } = answer.body.server
    expect((await bed.show(id)).status).toBe('BUILD')
    bed.engine.failOn.clear()
    await bed.act(id, { 'os-resetState': { state: 'error' } }, '2.1', 'admin')
    const server = await bed.show(id)
    expect(server.status).toBe('ERROR')
    expect(server.fault).toMatchObject({ code: 500 })
    expect((await bed.act(id, { reboot: { type: 'HARD' } })).status).toBe(202)
    await bed.settle()
    expect((await bed.show(id)).status).toBe('ACTIVE')
  })

  it('becomes an image, which boots', async () => {
    const { id } = await bed.boot()
    bed.engine.delayMs = 100
    const answer = await bed.act(
      id,
      { createImage: { name: 'snap', metadata: { k: 'v' } } },
      '2.45',
    )
    expect(answer.status).toBe(202)
    expect(
      (await bed.act(id, { createImage: { name: 'snap2' } })).body.conflictingRequest.message,
    ).toMatch(/task_state image_snapshot/)
    bed.engine.delayMs = 0
    await bed.settle()
    const image = (await bed.as('demo').get(`/image/v2/images/${answer.body.image_id}`)).body
    expect(image).toMatchObject({
      status: 'active',
      instance_uuid: id,
      image_type: 'snapshot',
      k: 'v',
      container_format: 'docker',
    })
    const { id: second } = await bed.boot({ imageRef: answer.body.image_id })
    expect((await bed.show(second)).status).toBe('ACTIVE')
  })

  it('keeps as many backups as asked for', async () => {
    const { id } = await bed.boot()
    for (const name of ['b1', 'b2', 'b3']) {
      expect(
        (await bed.act(id, { createBackup: { name, backup_type: 'daily', rotation: 2 } })).status,
      ).toBe(202)
      await bed.settle()
    }
    const names = (
      await bed.as('demo').get('/image/v2/images?backup_type=daily&sort_key=name&sort_dir=asc')
    ).body.images.map((image: { name: string }) => image.name)
    expect(names).toEqual(['b2', 'b3'])
  })
})

describe('what is refused', () => {
  it.each([
    [{ name: '' }, 400],
    [{ imageRef: '11111111-1111-4111-8111-111111111111' }, 400],
    [{ imageRef: -1 }, 400],
    [{ flavorRef: 'none' }, 400],
    [{ key_name: 'none' }, 400],
    [{ security_groups: [{ name: 'nope' }] }, 400],
    [{ networks: [{ uuid: 'a-b-c' }] }, 400],
    [{ networks: [{ uuid: '11111111-1111-4111-8111-111111111111' }] }, 400],
    [{ availability_zone: 'mars' }, 400],
    [{ min_count: 3, max_count: 2 }, 400],
    [{ metadata: { a: 'b'.repeat(260) } }, 400],
    [{ accessIPv4: '1.1.1.1.1' }, 400],
    [
      {
        block_device_mapping_v2: [
          { source_type: 'volume', destination_type: 'volume', boot_index: 0, uuid: 'x' },
        ],
      },
      400,
    ],
    [{ personality: [{ path: '/a', contents: 'not base64!' }] }, 400],
    [{ unknown: 1 }, 400],
    [{ max_count: 1000 }, 403],
  ])('%j is a %i', async (wish, status) => {
    const body = {
      name: 'x',
      imageRef: bed.imageId,
      flavorRef: bed.flavorId,
      ...('max_count' in wish && wish.max_count === 1000 ? { min_count: 1000 } : {}),
      ...wish,
    }
    const answer = await bed.at('2.1').post('/compute/v2.1/servers', { server: body })
    expect([answer.status, answer.bytes.toString()]).toEqual([status, expect.any(String)])
  })

  it('an image that is no container says how to make one', async () => {
    const id = await bed.upload('disk', { container_format: 'bare', disk_format: 'qcow2' })
    const answer = await bed.at('2.1').post('/compute/v2.1/servers', {
      server: { name: 'x', imageRef: id, flavorRef: bed.flavorId },
    })
    expect(answer.body.badRequest.message).toMatch(/must be docker/)
  })

  it('a locked server, but not to an administrator; another project’s server is unknown', async () => {
    const { id } = await bed.boot()
    await bed.act(id, { lock: null })
    expect((await bed.act(id, { 'os-stop': null })).body.conflictingRequest.message).toMatch(
      /is locked/,
    )
    expect((await bed.act(id, { 'os-stop': null }, '2.1', 'other')).status).toBe(404)
    expect((await bed.act(id, { 'os-stop': null }, '2.1', 'reader')).status).toBe(403)
    expect((await bed.act(id, { 'os-stop': null }, '2.1', 'admin')).status).toBe(202)
    await bed.act(id, { unlock: null })
    await bed.settle()
  })
})

describe('views and lists', () => {
  it('knows each microversion’s keys', async () => {
    const { id } = await bed.boot({ tags: ['a'], description: 'd', networks: 'auto' }, '2.52')
    const server = await bed.show(id, '2.96')
    expect(server).toMatchObject({
      locked: false,
      description: 'd',
      tags: ['a'],
      trusted_image_certificates: null,
      server_groups: [],
      locked_reason: null,
      'OS-EXT-SRV-ATTR:hostname': 'web',
      pinned_availability_zone: null,
    })
    expect(server.flavor).toHaveProperty('original_name')
    expect(await bed.show(id, '2.16', 'admin')).toMatchObject({
      'OS-EXT-SRV-ATTR:host': HOST,
      host_status: 'UP',
      'OS-EXT-SRV-ATTR:instance_name': `sy-${id}`,
    })
    expect(await bed.show(id, '2.1')).not.toHaveProperty('locked')
  })

  it('allocates a network when there is none and one is to be found', async () => {
    const before = bed.network.networks.splice(0)
    const { id } = await bed.boot({ networks: 'auto' }, '2.52')
    expect(Object.keys((await bed.show(id)).addresses)).toEqual(['auto_allocated_network'])
    bed.network.networks.splice(0, Infinity, ...before)
  })

  it('filters, sorts and pages', async () => {
    const { id } = await bed.boot({ name: 'needle-1' })
    const { id: second } = await bed.boot({ name: 'needle-2' })
    const ids = async (query: string, version = '2.1'): Promise<string[]> =>
      (await bed.at(version).get(`/compute/v2.1/servers?${query}`)).body.servers.map(
        (one: { id: string }) => one.id,
      )
    expect(await ids('name=needle')).toEqual([second, id])
    expect(await ids('name=needle&sort_key=created_at&sort_dir=asc')).toEqual([id, second])
    expect(await ids(`name=needle&limit=1&marker=${second}`)).toEqual([id])
    expect(await ids('name=needle&status=ACTIVE')).toHaveLength(2)
    expect(await ids('name=needle&status=SHUTOFF')).toEqual([])
    expect(await ids('image=none')).toEqual([])
    expect(await ids('limit=0')).toEqual([])
    expect(
      (await bed.at('2.1').get('/compute/v2.1/servers?limit=1')).body.servers_links[0].href,
    ).toContain(`marker=${second}`)
    expect((await bed.at('2.38').get('/compute/v2.1/servers?status=odd')).status).toBe(400)
    expect((await bed.at('2.75').get('/compute/v2.1/servers?odd=1')).status).toBe(400)
    expect((await bed.at('2.1').get('/compute/v2.1/servers?changes-since=2011/01/01')).status).toBe(
      400,
    )
    expect((await bed.at('2.1').get('/compute/v2.1/servers?marker=nope')).status).toBe(400)
    expect((await bed.at('2.1').get('/compute/v2.1/servers?all_tenants=1')).status).toBe(403)
    expect(
      (await bed.at('2.1', 'admin').get('/compute/v2.1/servers?all_tenants')).body.servers.length,
    ).toBeGreaterThan(1)
    expect((await bed.at('2.1', 'admin').get('/compute/v2.1/servers')).body.servers).toEqual([])
  })

  it('makes several at once', async () => {
    const answer = await bed.at('2.1').post('/compute/v2.1/servers', {
      server: {
        name: 'many',
        imageRef: bed.imageId,
        flavorRef: bed.flavorId,
        min_count: '1',
        max_count: 3,
        return_reservation_id: true,
      },
    })
    expect(answer.body.reservation_id).toMatch(/^r-/)
    const found = (
      await bed.at('2.1').get(`/compute/v2.1/servers?reservation_id=${answer.body.reservation_id}`)
    ).body.servers
    expect(found.map((one: { name: string }) => one.name).toSorted()).toEqual([
      'many-1',
      'many-2',
      'many-3',
    ])
    await bed.settle()
  })

  it('updates what may be updated', async () => {
    const { id } = await bed.boot()
    const answer = await bed.at('2.19').put(`/compute/v2.1/servers/${id}`, {
      server: {
        name: 'né',
        accessIPv6: '0000:0000:0000:0000:0000:babe:220.12.22.2',
        description: null,
      },
    })
    expect(answer.body.server).toMatchObject({
      name: 'né',
      accessIPv6: '::babe:dc0c:1602',
      description: null,
    })
    expect(
      (await bed.at('2.1').put(`/compute/v2.1/servers/${id}`, { server: { name: '' } })).status,
    ).toBe(400)
  })
})
