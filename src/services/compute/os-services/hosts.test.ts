import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOST, startRestApp, type RestApp } from '../rest-testkit.ts'
import { servicesAllowScheduling } from './store.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
})
afterAll(async () => {
  await app.close()
})

const at = (version: string) =>
  app.as('admin').with({ 'openstack-api-version': `compute ${version}` })
const root = '/compute/v2.1'

describe('the services of a host', () => {
  it('are three, and their ids change from numbers to UUIDs', async () => {
    const old = (await at('2.1').get(`${root}/os-services`)).body.services
    expect(
      old.map((service: { binary: string; zone: string }) => [service.binary, service.zone]),
    ).toEqual([
      ['nova-conductor', 'internal'],
      ['nova-scheduler', 'internal'],
      ['nova-compute', 'nova'],
    ])
    expect([old[2].id, old[2].host, old[2].state, old[2].status]).toEqual([
      3,
      HOST,
      'up',
      'enabled',
    ])
    expect((await at('2.53').get(`${root}/os-services`)).body.services[2].id).toMatch(
      /^[0-9a-f-]{36}$/,
    )
    expect((await app.as('demo').get(`${root}/os-services`)).status).toBe(403)
  })

  it('stop taking servers when disabled', async () => {
    const named = { host: HOST, binary: 'nova-compute' }
    expect(
      (
        await at('2.1').put(`${root}/os-services/disable-log-reason`, {
          ...named,
          disabled_reason: 'broken',
        })
      ).body.service,
    ).toEqual({ ...named, status: 'disabled', disabled_reason: 'broken' })
    expect(await servicesAllowScheduling(app.ctx())).toBe(false)
    expect(
      (await app.as('demo').get(`${root}/os-availability-zone`)).body.availabilityZoneInfo,
    ).toEqual([{ zoneName: 'nova', zoneState: { available: false }, hosts: null }])
    const { id } = (await at('2.53').get(`${root}/os-services?binary=nova-compute`)).body
      .services[0]
    expect(
      (await at('2.53').put(`${root}/os-services/${id}`, { status: 'enabled' })).body.service,
    ).toMatchObject({ status: 'enabled', disabled_reason: null })
    expect(await servicesAllowScheduling(app.ctx())).toBe(true)
    expect((await at('2.53').put(`${root}/os-services/${id}`, {})).status).toBe(400)
    expect((await at('2.53').put(`${root}/os-services/1`, { status: 'enabled' })).status).toBe(400)
    expect(
      (
        await at('2.1').put(`${root}/os-services/disable`, {
          host: 'nobody',
          binary: 'nova-compute',
        })
      ).status,
    ).toBe(404)
  })

  it('register anew when deleted while they run', async () => {
    const before = (await at('2.53').get(`${root}/os-services`)).body.services
    expect((await at('2.53').delete(`${root}/os-services/${before[0].id}`)).status).toBe(204)
    const after = (await at('2.53').get(`${root}/os-services`)).body.services
    expect(after).toHaveLength(3)
    expect(after.map((service: { id: string }) => service.id)).not.toContain(before[0].id)
  })
})

describe('aggregates', () => {
  it('make zones of hosts', async () => {
    const made = (
      await at('2.1').post(`${root}/os-aggregates`, {
        aggregate: { name: 'rack', availability_zone: 'west' },
      })
    ).body.aggregate
    const action = `${root}/os-aggregates/${made.id}/action`
    expect(
      (await at('2.41').post(action, { add_host: { host: HOST } })).body.aggregate,
    ).toMatchObject({ hosts: [HOST], metadata: { availability_zone: 'west' } })
    expect(
      (await app.as('demo').get(`${root}/os-availability-zone`)).body.availabilityZoneInfo[0]
        .zoneName,
    ).toBe('west')
    expect((await at('2.1').delete(`${root}/os-aggregates/${made.id}`)).status).toBe(400)
    const other = (
      await at('2.1').post(`${root}/os-aggregates`, {
        aggregate: { name: 'rack2', availability_zone: 'east' },
      })
    ).body.aggregate
    expect(
      (
        await at('2.1').post(`${root}/os-aggregates/${other.id}/action`, {
          add_host: { host: HOST },
        })
      ).status,
    ).toBe(409)
    expect(
      (
        await at('2.1').post(action, {
          set_metadata: { metadata: { ssd: 'true', availability_zone: null } },
        })
      ).body.aggregate.metadata,
    ).toEqual({ ssd: 'true' })
    expect(
      (await app.as('demo').get(`${root}/os-availability-zone`)).body.availabilityZoneInfo[0]
        .zoneName,
    ).toBe('nova')
    expect((await at('2.1').post(action, { remove_host: { host: HOST } })).status).toBe(200)
    expect((await at('2.1').delete(`${root}/os-aggregates/${made.id}`)).status).toBe(200)
  })

  it.each([
    { name: '' },
    { name: 'a'.repeat(256) },
    { name: 'x', availability_zone: 'a:b' },
    { name: 'x', hosts: [] },
  ])('refuse %j', async (aggregate) => {
    expect((await at('2.1').post(`${root}/os-aggregates`, { aggregate })).status).toBe(400)
  })
})

describe('the hypervisor', () => {
  it('is the host, in the shape of the version', async () => {
    const old = (await at('2.1').get(`${root}/os-hypervisors/1`)).body.hypervisor
    expect(old).toMatchObject({
      hypervisor_type: 'docker',
      hypervisor_version: 20_010_024,
      vcpus: 4,
      memory_mb_used: 512,
      free_disk_gb: 97,
      running_vms: 2,
    })
    expect(JSON.parse(old.cpu_info)).toMatchObject({ arch: 'x86_64' })
    const [{ id }] = (await at('2.53').get(`${root}/os-hypervisors`)).body.hypervisors
    const newest = (await at('2.88').get(`${root}/os-hypervisors/${id}?with_servers=true`)).body
      .hypervisor
    expect(newest).toMatchObject({ id, servers: [] })
    expect(newest.uptime).toMatch(/ up 1 day, 2:03$/)
    expect(newest).not.toHaveProperty('vcpus')
    expect((await at('2.88').get(`${root}/os-hypervisors/statistics`)).status).toBe(404)
    expect(
      (await at('2.53').get(`${root}/os-hypervisors?hypervisor_hostname_pattern=nothing`)).status,
    ).toBe(404)
  })
})
