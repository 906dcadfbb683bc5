import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { HOST, startRestApp, type RestApp } from '../rest-testkit.ts'
import { moveResize, recordResize } from './store.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
  for (const id of ['server-1', 'server-2', 'server-3']) {
    await recordResize(app.ctx(), { id, projectId: projectIdOf('demo'), host: HOST })
  }
  await moveResize(app.ctx(), 'server-1', 'finished')
  await moveResize(app.ctx(), 'server-1', 'confirmed')
  await moveResize(app.ctx(), 'server-1', 'reverted')
})
afterAll(async () => {
  await app.close()
})

const path = '/compute/v2.1/os-migrations'
const at = (version: string) =>
  app.as('admin').with({ 'openstack-api-version': `compute ${version}` })
const serversIn = (body: { migrations: { instance_uuid: string }[] }): string[] =>
  body.migrations.map((migration) => migration.instance_uuid)

describe('migrations', () => {
  it('are resizes, newest first; what was decided stays', async () => {
    const { body } = await at('2.80').get(path)
    expect(serversIn(body)).toEqual(['server-3', 'server-2', 'server-1'])
    expect(body.migrations[2]).toMatchObject({
      status: 'confirmed',
      migration_type: 'resize',
      source_compute: HOST,
      project_id: projectIdOf('demo'),
    })
    expect((await at('2.1').get(path)).body.migrations[0]).not.toHaveProperty('uuid')
    expect((await app.as('demo').get(path)).status).toBe(403)
  })

  it.each([
    ['status=confirmed', 1],
    ['instance_uuid=server-2', 1],
    ['migration_type=live-migration', 0],
    [`host=${HOST}&source_compute=elsewhere`, 0],
    ['changes-since=2000-01-01T00:00:00Z', 3],
    ['changes-before=2000-01-01T00:00:00Z', 0],
    [`project_id=${projectIdOf('demo')}`, 3],
  ])('are found by ?%s', async (query, count) => {
    expect(serversIn((await at('2.80').get(`${path}?${query}`)).body)).toHaveLength(count)
  })

  it('are paged from 2.59 on', async () => {
    const first = (await at('2.59').get(`${path}?limit=2`)).body
    expect([serversIn(first), first.migrations_links[0].rel]).toEqual([
      ['server-3', 'server-2'],
      'next',
    ])
    const next = (await at('2.59').get(`${path}?limit=2&marker=${first.migrations[1].uuid}`)).body
    expect([serversIn(next), next.migrations_links]).toEqual([['server-1'], undefined])
    expect((await at('2.59').get(`${path}?marker=nobody`)).status).toBe(400)
  })
})
