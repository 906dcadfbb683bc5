import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../kernel/testkit/client.ts'
import { HOST, startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

const admin = (): ReturnType<ContainerBed['at']> => bed.at('1.40', 'admin')
const detailOf = (answer: { readonly body: Json }): string => answer.body.errors[0].detail

describe('images of hosts', () => {
  it('are pulled, listed, shown and deleted', async () => {
    const pulled = await admin().post('/images', { repo: 'nginx:1.25', host: HOST })
    expect(pulled.status).toBe(202)
    expect(pulled.body).toMatchObject({ repo: 'nginx', tag: '1.25', status: 'pulling' })
    await bed.settle()
    const [image] = (await admin().get('/images')).body.images
    expect(image).toMatchObject({ uuid: pulled.body.uuid, status: 'present', host: HOST })
    expect((await admin().get(`/images/${image.uuid}`)).body.image_id).toMatch(/^sha256:/)
    expect((await admin().delete(`/images/${image.uuid}`)).status).toBe(204)
    expect((await admin().get('/images')).body.images).toEqual([])
    expect((await bed.at().get('/images')).status).toBe(403)
  })

  it('say why they could not be pulled', async () => {
    const { uuid } = (await admin().post('/images', { repo: 'fail-pull', host: HOST })).body
    await expect
      .poll(async () => (await admin().get(`/images/${uuid}`)).body.status_reason)
      .toMatch(/Cannot pull fail-pull:latest: manifest unknown/)
    expect((await admin().delete(`/images/${uuid}`)).status).toBe(204)
    expect((await admin().get(`/images/${uuid}`)).status).toBe(404)
    const nowhere = await admin().post('/images', { repo: 'nginx', host: 'mars' })
    expect(nowhere.status).toBe(400)
  })

  it('are searched in the registry and in the image service', async () => {
    expect((await bed.at().get('/images/nginx/search')).body[0]).toMatchObject({ name: 'nginx' })
    const mine = await bed.at().get('/images/busy/search?image_driver=glance')
    expect(mine.body[0]).toMatchObject({ id: bed.imageId, name: 'busybox', status: 'active' })
    const exact = await bed.at().get('/images/busy/search?image_driver=glance&exact_match=true')
    expect(exact.body).toEqual([])
  })
})

describe('containers by an image’s name', () => {
  const named = { image_driver: 'docker' }

  it('fetch it when it is not there', async () => {
    const { uuid } = await bed.run({ ...named, image: 'alpine' })
    expect(await bed.show(uuid)).toMatchObject({ status: 'Running', image: 'alpine' })
    expect(bed.engine.specOf(uuid).image).toBe('docker:alpine:latest')
    expect(await bed.engine.findImage('alpine')).toBeDefined()
  })

  it('fail at once with the registry’s reason', async () => {
    const { uuid } = await bed.run({ ...named, image: 'fail-pull:1' })
    expect(await bed.show(uuid)).toMatchObject({ status: 'Error', task_state: null })
    expect((await bed.show(uuid)).status_reason).toContain(
      'Cannot pull fail-pull:1: manifest unknown',
    )
  })

  it('are not fetched with the policy never, and always with always', async () => {
    const never = await bed.run({ ...named, image: 'absent', image_pull_policy: 'never' })
    expect((await bed.show(never.uuid)).status_reason).toContain('pull policy is never')
    bed.engine.registry = () => 'registry is away'
    const always = await bed.run({ ...named, image: 'alpine', image_pull_policy: 'Always' })
    expect((await bed.show(always.uuid)).status_reason).toContain('registry is away')
    const usual = await bed.run({ ...named, image: 'alpine' })
    expect((await bed.show(usual.uuid)).status).toBe('Running')
  })

  it('use a registry with its credentials, which are never shown', async () => {
    const registry = { name: 'house', domain: 'hub.example:5000', username: 'me', password: 'pw' }
    await bed.at().post('/registries', { registry })
    const seen: unknown[] = []
    bed.engine.registry = (reference, auth) => {
      seen.push(reference, auth)
      return undefined
    }
    const { uuid, registry_id } = await bed.run({ ...named, image: 'app', registry: 'house' })
    expect(registry_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(seen.slice(0, 2)).toEqual([
      'hub.example:5000/app:latest',
      { server: 'hub.example:5000', username: 'me', password: 'pw' },
    ])
    expect(JSON.stringify(await bed.show(uuid))).not.toContain('"pw"')
    // on the host now, which gives nobody else a right to it
    bed.engine.registry = (_reference, auth) =>
      auth === undefined ? 'authentication required' : undefined
    const byName = { image_driver: 'docker', image: 'hub.example:5000/app' }
    const other = await bed.at('1.40', 'other').post('/containers?run=true', byName)
    await bed.settle()
    const seenByOther = await bed.show(other.body.uuid, '1.40', 'other')
    expect(seenByOther.status_reason).toContain('authentication required')
    const refused = await bed.at().delete('/registries/house')
    expect(refused.status).toBe(409)
    expect(detailOf(refused)).toContain(uuid)
  })

  it('refuse names that the cloud keeps', async () => {
    const wish = { image: 'stackyard/secret:1', image_driver: 'docker' }
    expect((await bed.at().post('/containers', wish)).status).toBe(400)
  })
})
