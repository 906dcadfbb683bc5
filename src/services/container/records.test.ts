import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../kernel/testkit/client.ts'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { HOST, startContainerBed, type ContainerBed } from './testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

const detailOf = (answer: { readonly body: Json }): string => answer.body.errors[0].detail
const demo = projectIdOf('demo')

describe('registries', () => {
  it('come and go, and never show a password', async () => {
    const registry = {
      name: 'house',
      domain: 'registry.example.org:5000',
      username: 'u',
      password: 'p',
    }
    const made = await bed.at().post('/registries', { registry })
    expect(made.status).toBe(201)
    expect(made.body.registry).toMatchObject({ ...registry, password: '***' })
    expect((await bed.at().get('/registries/house')).body.registry.uuid).toBe(
      made.body.registry.uuid,
    )
    const changed = await bed
      .at()
      .patch('/registries/house', { registry: { domain: 'other.example' } })
    expect(changed.body.registry).toMatchObject({ domain: 'other.example', username: 'u' })
    expect((await bed.at('1.40', 'other').get('/registries/house')).status).toBe(404)
    expect((await bed.at().get('/registries')).body.registries).toHaveLength(1)
    expect((await bed.at('1.29').get('/registries')).status).toBe(404)
    expect((await bed.at().delete('/registries/house')).status).toBe(204)
    expect((await bed.at().get('/registries')).body).toEqual({ registries: [], next: null })
  })

  it('want a domain', async () => {
    const refused = await bed.at().post('/registries', { registry: { name: 'nowhere' } })
    expect(refused.status).toBe(400)
    expect(detailOf(refused)).toContain('domain')
  })
})

describe('quotas', () => {
  it('are those of the class until the project has its own', async () => {
    const usual = { containers: 40, memory: 51_200, cpu: 20, disk: 100 }
    expect((await bed.at().get(`/quotas/${demo}`)).body).toEqual(usual)
    expect((await bed.at().get(`/quotas/${demo}/defaults`)).body).toEqual(usual)
    const admin = bed.at('1.40', 'admin')
    expect((await admin.put('/quota_classes/default?cpu=30')).body.cpu).toBe(30)
    expect((await bed.at().get(`/quotas/${demo}`)).body.cpu).toBe(30)
    expect((await admin.put(`/quotas/${demo}`, { cpu: 5 })).body.cpu).toBe(5)
    await bed.create({ cpu: 2 })
    expect((await bed.at().get(`/quotas/${demo}?usages=True`)).body.cpu).toEqual({
      limit: 5,
      in_use: 2,
    })
    expect((await admin.delete(`/quotas/${demo}`)).status).toBe(200)
    expect((await bed.at().get(`/quotas/${demo}`)).body.cpu).toBe(30)
  })

  it('are changed by administrators only, and seen by their own project', async () => {
    expect((await bed.at().put(`/quotas/${demo}?cpu=99`)).status).toBe(403)
    expect((await bed.at('1.40', 'other').get(`/quotas/${demo}`)).status).toBe(403)
    expect((await bed.at().get('/quota_classes/default')).status).toBe(403)
    expect((await bed.at('1.25').get(`/quotas/${demo}`)).status).toBe(404)
  })
})

describe('hosts and services', () => {
  const admin = (): ReturnType<ContainerBed['at']> => bed.at('1.40', 'admin')

  it('show the one host by name and by id', async () => {
    const [host] = (await admin().get('/hosts')).body.hosts
    expect(host).toMatchObject({ hostname: HOST, cpus: 64, enable_cpu_pinning: false })
    expect((await admin().get(`/hosts/${HOST}`)).body.uuid).toBe(host.uuid)
    expect((await admin().get(`/hosts/${host.uuid}`)).body.hostname).toBe(HOST)
    expect((await admin().get('/hosts/mars')).status).toBe(404)
    expect((await bed.at().get('/hosts')).status).toBe(403)
    expect((await bed.at().get('/availability_zones')).body.availability_zones).toEqual([
      { availability_zone: 'nova' },
    ])
  })

  it('refuses containers while it is disabled or forced down, and says why', async () => {
    const which = `host=${HOST}&binary=zun-compute`
    const disabled = await admin().put(`/services/disable?${which}&disabled_reason=dust`)
    expect(disabled.body.service).toMatchObject({ disabled: true, disabled_reason: 'dust' })
    const wish = { image: 'busybox', image_driver: 'glance' }
    const refused = await bed.at().post('/containers', wish)
    expect(refused.status).toBe(400)
    expect(detailOf(refused)).toMatch(/No valid host.*dust/)
    await admin().put(`/services/enable?${which}`)
    await admin().put(`/services/force_down?${which}&forced_down=true`)
    expect((await bed.at().post('/containers', wish)).status).toBe(400)
    expect((await admin().get('/services')).body.services[0]).toMatchObject({
      state: 'down',
      forced_down: true,
    })
    await admin().put(`/services/force_down?${which}&forced_down=false`)
    expect((await bed.at().post('/containers', wish)).status).toBe(202)
  })

  it('forgets a service, which then registers anew', async () => {
    expect((await admin().delete(`/services?host=${HOST}&binary=zun-compute`)).status).toBe(204)
    expect((await admin().delete(`/services?host=mars&binary=zun-compute`)).status).toBe(404)
    expect((await admin().get('/services')).body.services).toHaveLength(1)
    expect((await bed.at().get('/services')).status).toBe(403)
  })
})
