import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRestApp, type RestApp } from '../rest-testkit.ts'
import { addServerGroupMember, groupsOfServers, removeServerGroupMember } from './store.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
})
afterAll(async () => {
  await app.close()
})

const path = '/compute/v2.1/os-server-groups'
const at = (version: string) =>
  app.as('demo').with({ 'openstack-api-version': `compute ${version}` })

describe('server groups', () => {
  it('have one policy, in the words of the version', async () => {
    const made = (
      await at('2.64').post(path, {
        server_group: { name: 'web', policy: 'anti-affinity', rules: { max_server_per_host: 3 } },
      })
    ).body.server_group
    expect(made).toMatchObject({
      policy: 'anti-affinity',
      rules: { max_server_per_host: 3 },
      members: [],
      user_id: 'user-demo',
    })
    const old = (await at('2.1').get(`${path}/${made.id}`)).body.server_group
    expect(old).toEqual({
      id: made.id,
      name: 'web',
      policies: ['anti-affinity'],
      metadata: {},
      members: [],
    })
    expect((await at('2.1').delete(`${path}/${made.id}`)).status).toBe(204)
    expect((await at('2.1').get(`${path}/${made.id}`)).status).toBe(404)
  })

  it.each([
    ['2.1', { name: 'g', policies: ['soft-affinity'] }],
    ['2.1', { name: 'g', policies: ['affinity', 'anti-affinity'] }],
    ['2.15', { name: '', policies: ['affinity'] }],
    ['2.64', { name: 'g', policies: ['affinity'] }],
    ['2.64', { name: 'g', policy: 'affinity', rules: { max_server_per_host: 1 } }],
    ['2.64', { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: '0' } }],
  ])('refuse at %s %j', async (version, group) => {
    expect((await at(version).post(path, { server_group: group })).status).toBe(400)
  })

  it('belong to a project; admins may list all', async () => {
    const { id } = (
      await at('2.1').post(path, { server_group: { name: 'mine', policies: ['affinity'] } })
    ).body.server_group
    expect((await app.as('other').get(`${path}/${id}`)).status).toBe(404)
    expect((await app.as('other').delete(`${path}/${id}`)).status).toBe(404)
    expect((await app.as('reader').delete(`${path}/${id}`)).status).toBe(403)
    expect((await app.as('other').get(`${path}?all_projects=True`)).body.server_groups).toEqual([])
    expect(
      (await app.as('admin').get(`${path}?all_projects=True`)).body.server_groups,
    ).toHaveLength(1)
    expect(
      (await app.as('admin').get(`${path}?all_projects=True&offset=1`)).body.server_groups,
    ).toEqual([])
  })

  it('know their members until these leave, as many as the quota allows', async () => {
    const ctx = app.ctx()
    const { id } = (
      await at('2.1').post(path, { server_group: { name: 'full', policies: ['affinity'] } })
    ).body.server_group
    for (let at = 0; at < 10; at++) await addServerGroupMember(ctx, id, `server-${at}`)
    await expect(addServerGroupMember(ctx, id, 'server-10')).rejects.toThrow(
      'Quota exceeded, too many servers in group',
    )
    await expect(addServerGroupMember(ctx, id, 'server-3')).resolves.toBeUndefined()
    await removeServerGroupMember(ctx, 'server-0')
    expect((await at('2.1').get(`${path}/${id}`)).body.server_group.members).toHaveLength(9)
    expect([...(await groupsOfServers(ctx, ['server-0', 'server-1']))]).toEqual([['server-1', id]])
  })
})
