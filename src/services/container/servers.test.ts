import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Json } from '../../kernel/testkit/client.ts'
import { startContainerBed, type ContainerBed } from './testbed.ts'

let bed: ContainerBed
let serverId: string
beforeAll(async () => {
  bed = await startContainerBed()
  const nova = bed.as('demo').with({ 'OpenStack-API-Version': 'compute 2.1' })
  const { flavors } = (await nova.get('/compute/v2.1/flavors/detail')).body
  const small = flavors.toSorted((a: Json, b: Json) => a.ram - b.ram)[0].id
  const server = { name: 'box', imageRef: bed.imageId, flavorRef: small, metadata: { tier: 'db' } }
  serverId = (await nova.post('/compute/v2.1/servers', { server })).body.server.id
  await bed.settle()
})
afterAll(async () => await bed.close())

const novaStatus = async (): Promise<string> =>
  (await bed.as('demo').get(`/compute/v2.1/servers/${serverId}`)).body.server.status

it('lists servers beside containers for those who ask', async () => {
  const { uuid } = await bed.run({ name: 'own' })
  const ids = async (query: string): Promise<readonly string[]> =>
    (await bed.at().get(`/containers${query}`)).body.containers.map((one: Json) => one.uuid)
  expect(await ids('')).toEqual([uuid])
  expect((await ids('?kind=all')).toSorted()).toEqual([uuid, serverId].toSorted())
  expect(await ids('?kind=server&name=box&status=Running')).toEqual([serverId])
  expect(await ids('?kind=server&status=Stopped')).toEqual([])
  const nova = (await bed.as('demo').get('/compute/v2.1/servers')).body.servers
  expect(nova.map((one: Json) => one.id)).toEqual([serverId])
})

it('shows a server by its id, to its project only', async () => {
  expect(await bed.show(serverId)).toMatchObject({
    kind: 'server',
    name: 'box',
    status: 'Running',
    labels: { tier: 'db' },
    image: bed.imageId,
  })
  expect(await bed.show(serverId, '1.40', 'other')).toMatchObject({ status: 404 })
})

it('turns it in the other tongue, and both views agree', async () => {
  for (const [verb, zun, nova] of [
    ['stop', 'Stopped', 'SHUTOFF'],
    ['start', 'Running', 'ACTIVE'],
    ['pause', 'Paused', 'PAUSED'],
    ['unpause', 'Running', 'ACTIVE'],
    ['reboot', 'Running', 'ACTIVE'],
  ]) {
    expect((await bed.at().post(`/containers/${serverId}/${verb}`)).status).toBe(202)
    await bed.settle()
    expect([(await bed.show(serverId)).status, await novaStatus()]).toEqual([zun, nova])
  }
  const stopped = await bed.at().post(`/containers/${serverId}/unpause`)
  expect(stopped.status).toBe(409)
})

it('looks inside it', async () => {
  const inside = (verb: string): string => `/containers/${serverId}/${verb}`
  expect((await bed.at().get(inside('logs'))).body).toContain('ready')
  bed.engine.execAnswer = { exitCode: 0, output: 'yes' }
  expect((await bed.at().post(inside('execute?command=true'))).body.output).toBe('yes')
  expect((await bed.at().get(inside('stats'))).body.CONTAINER).toBe('box')
  expect((await bed.at().get(inside('top'))).status).toBe(200)
  expect((await bed.at('1.40', 'other').get(inside('logs'))).status).toBe(404)
})

it('does not delete, rename or rebuild what is not its own', async () => {
  expect((await bed.at().delete(`/containers/${serverId}?stop=true`)).status).toBe(404)
  expect((await bed.at().patch(`/containers/${serverId}`, { name: 'other' })).status).toBe(404)
  expect((await bed.at().post(`/containers/${serverId}/rebuild`)).status).toBe(404)
})
