import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../kernel/testkit/client.ts'
import { NETWORK, startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
  await bed
    .at('1.40', 'admin')
    .put(`/quotas/${(await bed.run()).project_id}?containers=-1&cpu=-1&memory=-1&disk=-1`)
})
afterAll(async () => await bed.close())

const detailOf = (answer: { readonly body: Json }): string => answer.body.errors[0].detail

async function act(id: string, verb: string, query = '', version = '1.40'): Promise<Json> {
  const answer = await bed.at(version).post(`/containers/${id}/${verb}${query}`)
  await bed.settle()
  return answer
}

describe('power', () => {
  it.each([
    ['stop', '?timeout=1', 'Stopped'],
    ['start', '', 'Running'],
    ['pause', '', 'Paused'],
    ['unpause', '', 'Running'],
    ['reboot', '?timeout=1', 'Running'],
  ])('%s%s → %s', async (verb, query, status) => {
    const found = (await bed.at().get('/containers?name=power')).body.containers[0]
    const { uuid } = found ?? (await bed.run({ name: 'power' }))
    expect((await act(uuid, verb, query)).status).toBe(202)
    expect(await bed.show(uuid)).toMatchObject({ status, task_state: null })
  })

  it('says in which states a verb is allowed', async () => {
    const { uuid } = await bed.create()
    const refused = await act(uuid, 'pause')
    expect(refused.status).toBe(409)
    expect(detailOf(refused)).toBe(
      `Cannot pause container ${uuid} in Created state: it must be Running.`,
    )
    expect(refused.body.errors[0].code).toBe('container.invalid-state')
  })

  it('shows its exit code when it ended by itself, and starts again', async () => {
    const { uuid } = await bed.run()
    bed.engine.die(uuid, 3)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Stopped')
    expect(await bed.show(uuid)).toMatchObject({ exit_code: 3, status_reason: null })
    const zunTime = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) as unknown
    expect(await bed.show(uuid)).toMatchObject({
      created_at: zunTime,
      updated_at: zunTime,
      started_at: zunTime,
      finished_at: zunTime,
    })
    expect((await bed.show(uuid)).status_detail).toMatch(/^Exited\(3\) \d+ second/)
    expect((await act(uuid, 'start')).status).toBe(202)
    expect((await bed.show(uuid)).status).toBe('Running')
  })

  it('is deleted by force even while it is paused', async () => {
    const { uuid } = await bed.run()
    await act(uuid, 'pause')
    expect((await bed.at().delete(`/containers/${uuid}?stop=1`)).status).toBe(409)
    const forced = await bed
      .at('1.40', 'admin')
      .delete(`/containers/${uuid}?force=true&all_projects=true`)
    expect(forced.status).toBe(204)
    await bed.settle()
    expect(await bed.show(uuid)).toMatchObject({ status: 404 })
  })

  it('starts after an error', async () => {
    bed.engine.failOn.set('start', 100)
    const { uuid } = await bed.run()
    await expect.poll(async () => (await bed.show(uuid)).status).toBe('Error')
    expect((await bed.show(uuid)).status_reason).toMatch(/starting the container/)
    bed.engine.failOn.delete('start')
    expect((await act(uuid, 'start')).status).toBe(202)
    expect(await bed.show(uuid)).toMatchObject({ status: 'Running', status_reason: null })
  })
})

describe('change', () => {
  it('patches CPU, memory, name and auto_heal', async () => {
    const { uuid } = await bed.run({ cpu: 0.1, memory: 100 })
    const wish = { cpu: 0.2, memory: '200', name: 'renamed', auto_heal: true }
    const answer = await bed.at().patch(`/containers/${uuid}`, wish)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ ...wish, status: 'Running' })
    await bed.settle()
    expect((await bed.engine.observe(uuid)).limits).toMatchObject({ vcpus: 0.2, memoryMiB: 200 })
    expect((await bed.at('1.13').patch(`/containers/${uuid}`, { name: 'again' })).status).toBe(400)
    expect((await bed.at().patch(`/containers/${uuid}`, { cpu: 17 })).status).toBe(400)
  })

  it('resizes from 1.19 on and renames up to 1.13', async () => {
    const { uuid } = await bed.create()
    expect((await act(uuid, 'resize_container', '?cpu=2', '1.18')).status).toBe(404)
    const resized = await act(uuid, 'resize_container', '?cpu=2&memory=256', '1.19')
    expect(resized).toMatchObject({ status: 202, body: { cpu: 2, memory: '256' } })
    expect((await act(uuid, 'rename', '?name=newer', '1.13')).body.name).toBe('newer')
    expect((await act(uuid, 'rename', '?name=newer', '1.13')).status).toBe(409)
    expect((await act(uuid, 'rename', '?name=newest', '1.14')).status).toBe(404)
  })

  it('rebuilds, and runs again when it ran', async () => {
    const { uuid } = await bed.run()
    const answer = await act(uuid, 'rebuild')
    expect(answer.status).toBe(202)
    expect((await bed.show(uuid)).status).toBe('Running')
    expect((await bed.engine.observe(uuid)).revision).toBe(2)
    const requestId = answer.headers.get('x-openstack-request-id')
    const { body } = await bed.at().get(`/containers/${uuid}/container_actions/${requestId}`)
    expect(body).toMatchObject({ action: 'rebuild', message: null })
    expect(body.finish_time).not.toBeNull()
    expect(body.events[0]).toMatchObject({ result: 'Success' })
    await act(uuid, 'stop')
    await act(uuid, 'rebuild')
    expect((await bed.show(uuid)).status).toBe('Created')
  })
})

describe('networks and groups', () => {
  it('attaches, lists and detaches', async () => {
    const { uuid } = await bed.run()
    expect(
      (await act(uuid, 'network_attach', `?network=${NETWORK}&fixed_ip=10.0.0.99`)).status,
    ).toBe(202)
    const { addresses } = await bed.show(uuid)
    expect(addresses[NETWORK]).toHaveLength(2)
    expect(addresses[NETWORK][1].addr).toBe('10.0.0.99')
    const listed = (await bed.at().get(`/containers/${uuid}/network_list`)).body.networks
    expect(listed[1]).toMatchObject({ net_id: NETWORK, fixed_ips: [{ ip_address: '10.0.0.99' }] })
    const old = (await bed.at('1.17').get(`/containers/${uuid}/network_list`)).body.networks
    expect(old[1]).toMatchObject({ net_id: NETWORK, ip_address: '10.0.0.99' })
    expect((await act(uuid, 'network_detach', `?port=${addresses[NETWORK][1].port}`)).status).toBe(
      202,
    )
    expect((await bed.show(uuid)).addresses[NETWORK]).toHaveLength(1)
    expect((await act(uuid, 'network_detach', '?network=private')).status).toBe(202)
    expect((await bed.show(uuid)).addresses).toEqual({})
    expect((await act(uuid, 'network_detach', '?network=private')).status).toBe(400)
    expect((await act(uuid, 'network_attach', '?network=private', '1.7')).status).toBe(404)
  })

  it('adds and removes groups up to 1.14', async () => {
    const { uuid, security_groups: groups } = await bed.run(
      { security_groups: ['default'] },
      '1.14',
    )
    expect(groups).toHaveLength(1)
    expect((await act(uuid, 'add_security_group', '?name=default', '1.14')).status).toBe(400)
    expect((await act(uuid, 'remove_security_group', '?name=default', '1.14')).status).toBe(202)
    expect((await bed.show(uuid)).security_groups).toEqual([])
    expect((await act(uuid, 'add_security_group', '?name=default', '1.14')).status).toBe(202)
    expect((await bed.show(uuid)).security_groups).toEqual(groups)
    expect((await act(uuid, 'add_security_group', '?name=default', '1.15')).status).toBe(404)
  })
})

describe('commit', () => {
  it('writes an image under the name that create finds it by', async () => {
    const { uuid } = await bed.run()
    const answer = await act(uuid, 'commit', '?repository=snap&tag=v1')
    expect(answer.status).toBe(202)
    const image = (await bed.as('demo').get(`/image/v2/images/${answer.body.uuid}`)).body
    expect(image).toMatchObject({ name: 'snap:v1', status: 'active', container_format: 'docker' })
    const again = await bed.run({ image: 'snap:v1' })
    expect((await bed.show(again.uuid)).status).toBe('Running')
    const actions = (await bed.at().get(`/containers/${uuid}/container_actions`)).body
    expect(actions.containerActions[0]).toMatchObject({ action: 'commit', message: null })
  })

  it('leaves no image and says why when it cannot be done', async () => {
    const { uuid } = await bed.run()
    bed.engine.failOn.set('commit', 100)
    const answer = await act(uuid, 'commit', '?repository=broken')
    const requestId = answer.headers.get('x-openstack-request-id')
    const actions = `/containers/${uuid}/container_actions/${requestId}`
    await expect
      .poll(async () => (await bed.at().get(actions)).body.message)
      .toMatch(/told to fail: commit/)
    bed.engine.failOn.delete('commit')
    const images = (await bed.as('demo').get('/image/v2/images?name=broken')).body.images
    expect(images).toEqual([])
  })
})
