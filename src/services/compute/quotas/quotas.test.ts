import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startRestApp, type RestApp } from '../rest-testkit.ts'
import { checkServerQuota } from './check.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
})
afterAll(async () => {
  await app.close()
})

const demo = projectIdOf('demo')
const path = `/compute/v2.1/os-quota-sets/${demo}`
const at = (version: string) =>
  app.as('admin').with({ 'openstack-api-version': `compute ${version}` })

describe('quotas', () => {
  it('speak of the resources that the version has', async () => {
    expect(Object.keys((await at('2.1').get(path)).body.quota_set)).toHaveLength(15)
    expect(Object.keys((await at('2.36').get(path)).body.quota_set)).toHaveLength(11)
    expect(Object.keys((await at('2.57').get(path)).body.quota_set).sort()).toEqual([
      'cores',
      'id',
      'instances',
      'key_pairs',
      'metadata_items',
      'ram',
      'server_group_members',
      'server_groups',
    ])
  })

  it('go from user to project to class to the built-in ones', async () => {
    const ram = async (query = '') => (await at('2.1').get(path + query)).body.quota_set.ram
    expect(await ram()).toBe(512_000)
    await at('2.1').put('/compute/v2.1/os-quota-class-sets/default', {
      quota_class_set: { ram: 9000 },
    })
    expect(await ram()).toBe(9000)
    await at('2.1').put(path, { quota_set: { ram: '5120' } })
    await at('2.1').put(`${path}?user_id=u1`, { quota_set: { ram: 2048 } })
    expect([await ram(), await ram('?user_id=u1'), await ram('?user_id=u2')]).toEqual([
      5120, 2048, 5120,
    ])
    expect((await at('2.1').put(`${path}?user_id=u1`, { quota_set: { ram: 6000 } })).status).toBe(
      400,
    )
    expect((await at('2.1').delete(path)).status).toBe(202)
    expect([await ram(), await ram('?user_id=u1')]).toEqual([9000, 9000])
    await at('2.1').put('/compute/v2.1/os-quota-class-sets/default', {
      quota_class_set: { ram: 512_000 },
    })
  })

  it('are read by members of the project and changed by admins', async () => {
    expect((await app.as('reader').get(path)).status).toBe(200)
    expect((await app.as('other').get(path)).status).toBe(403)
    expect((await app.as('demo').put(path, { quota_set: { ram: 1 } })).status).toBe(403)
    expect((await at('2.1').get('/compute/v2.1/os-quota-sets/nobody')).status).toBe(400)
  })

  it.each([{ ram: -2 }, { ram: '1.5' }, { ram: 2 ** 31 }, { ram: '99999999999' }, { volumes: 1 }])(
    'refuse %j',
    async (quota) => {
      expect((await at('2.1').put(path, { quota_set: quota })).status).toBe(400)
    },
  )

  it('are not set below what is used, unless forced', async () => {
    await app.as('demo').post('/compute/v2.1/os-server-groups', {
      server_group: { name: 'g', policies: ['affinity'] },
    })
    expect((await at('2.1').get(`${path}/detail`)).body.quota_set.server_groups).toEqual({
      limit: 10,
      in_use: 1,
      reserved: 0,
    })
    expect((await at('2.1').put(path, { quota_set: { server_groups: 0 } })).status).toBe(400)
    expect(
      (await at('2.1').put(path, { quota_set: { server_groups: 0, force: 'True' } })).status,
    ).toBe(200)
    const refused = await app.as('demo').post('/compute/v2.1/os-server-groups', {
      server_group: { name: 'h', policies: ['affinity'] },
    })
    expect([refused.status, refused.body.forbidden.message]).toEqual([
      403,
      'Quota exceeded, too many server groups: 0 are allowed.',
    ])
    await at('2.1').delete(path)
  })

  it("refuse servers in Nova's words", async () => {
    await at('2.1').put(path, { quota_set: { instances: 1, cores: 2 } })
    await expect(
      checkServerQuota(app.ctx(), demo, { instances: 2, cores: 4, ramMiB: 64 }),
    ).rejects.toThrow(
      'Quota exceeded for instances, cores: Requested 2, 4, but already used 0, 0 of 1, 2 instances, cores',
    )
    await expect(
      checkServerQuota(app.ctx(), demo, { instances: 1, cores: 2, ramMiB: 64 }),
    ).resolves.toBeUndefined()
    await at('2.1').put(path, { quota_set: { instances: -1, cores: -1 } })
    await expect(
      checkServerQuota(app.ctx(), demo, { instances: 1000, cores: 2000, ramMiB: 64 }),
    ).resolves.toBeUndefined()
    await at('2.1').delete(path)
  })

  it('are shown as limits, which shrink with the versions', async () => {
    const figures = async (version: string) =>
      Object.keys(
        (
          await app
            .as('demo')
            .with({ 'openstack-api-version': `compute ${version}` })
            .get('/compute/v2.1/limits')
        ).body.limits.absolute,
      ).length
    expect([
      await figures('2.1'),
      await figures('2.36'),
      await figures('2.39'),
      await figures('2.57'),
    ]).toEqual([19, 14, 13, 11])
    expect(
      (await app.as('demo').get(`/compute/v2.1/limits?tenant_id=${projectIdOf('other')}`)).status,
    ).toBe(403)
  })
})
