import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeEach(async () => void (cloud = await startTestNetwork()))
afterEach(async () => await cloud.close())

const bootstrap = async (): Promise<void> => {
  await cloud.service.bootstrap(cloud.ctx(), {
    floatingRange: '172.24.4.0/24',
    fixedRange: '10.0.0.0/24',
    demoProjectId: projectIdOf('demo'),
    adminProjectId: projectIdOf('admin'),
  })
  await cloud.settle()
}

const path = '/auto-allocated-topology/None'
const counts = async (): Promise<number[]> =>
  await Promise.all(
    ['networks', 'subnets', 'routers'].map(
      async (kind) =>
        (await cloud.ask('other', 'GET', `/${kind}`))[kind].filter((one: { name: string }) =>
          one.name.startsWith('auto_allocated_'),
        ).length,
    ),
  )

describe('an auto allocated topology', () => {
  it('is made at the first look, leads outside, and is found at the next', async () => {
    await bootstrap()
    const { auto_allocated_topology: topology } = await cloud.ask('other', 'GET', path)
    expect(topology.tenant_id).toBe(projectIdOf('other'))
    expect((await cloud.ask('other', 'GET', path)).auto_allocated_topology).toEqual(topology)
    expect(await counts()).toEqual([1, 1, 1])
    await cloud.settle()
    const [router] = (await cloud.ask('other', 'GET', '/routers')).routers
    const spec = cloud.engine.router(router.id)
    expect(spec?.external?.snat).toBe(true)
    expect(spec?.interfaces).toMatchObject([
      { networkId: topology.id, addresses: [{ address: '10.128.0.1', prefix: 24 }] },
    ])
  })

  it('is deleted whole, but not while something is plugged into it', async () => {
    await bootstrap()
    await cloud.ask('other', 'DELETE', path) // there is none: nothing to do
    const { auto_allocated_topology: topology } = await cloud.ask('other', 'GET', path)
    const { port } = await cloud.ask('other', 'POST', '/ports', {
      port: { network_id: topology.id },
    })
    await cloud.ask('other', 'DELETE', path, undefined, 409)
    expect(await counts()).toEqual([1, 1, 1])
    await cloud.ask('other', 'DELETE', `/ports/${port.id}`)
    await cloud.ask('other', 'DELETE', path)
    expect(await counts()).toEqual([0, 0, 0])
  })

  it('is made anew when the project deleted it by hand', async () => {
    await bootstrap()
    const { auto_allocated_topology: first } = await cloud.ask('other', 'GET', path)
    const [router] = (await cloud.ask('other', 'GET', '/routers')).routers
    const [subnet] = (await cloud.ask('other', 'GET', `/subnets?network_id=${first.id}`)).subnets
    await cloud.ask('other', 'PUT', `/routers/${router.id}/remove_router_interface`, {
      subnet_id: subnet.id,
    })
    await cloud.ask('other', 'DELETE', `/networks/${first.id}`)
    const { auto_allocated_topology: second } = await cloud.ask('other', 'GET', path)
    expect(second.id).not.toBe(first.id)
  })

  it('says what is missing, and leaves nothing behind', async () => {
    await cloud.ask('other', 'GET', path, undefined, 409)
    await cloud.ask('other', 'GET', `${path}?fields=dry-run`, undefined, 409)
    expect(await counts()).toEqual([0, 0, 0])
    await bootstrap()
    const dry = await cloud.ask('other', 'GET', `${path}?fields=dry-run`)
    expect(dry.auto_allocated_topology.id).toBe('dry-run=pass')
    await cloud.ask('admin', 'PUT', `/quotas/${projectIdOf('other')}`, { quota: { router: 0 } })
    await cloud.ask('other', 'GET', path, undefined, 409)
    expect(await counts()).toEqual([0, 0, 0])
  })

  it('is the project’s own affair, and the admin’s', async () => {
    await bootstrap()
    const mine = `/auto-allocated-topology/${projectIdOf('other')}`
    await cloud.ask('demo', 'GET', mine, undefined, 403)
    await cloud.ask('admin', 'GET', mine)
    expect(await counts()).toEqual([1, 1, 1])
  })
})
