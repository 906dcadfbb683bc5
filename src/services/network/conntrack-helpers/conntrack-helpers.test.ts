import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => void (cloud = await startTestNetwork()))
afterAll(async () => await cloud.close())

const router = async (): Promise<string> =>
  (await cloud.ask('demo', 'POST', '/routers', { router: { name: 'r' } })).router.id

const add = async (routerId: string, helper: object, status = 201): Promise<string> =>
  (
    await cloud.ask(
      'demo',
      'POST',
      `/routers/${routerId}/conntrack_helpers`,
      { conntrack_helper: helper },
      status,
    )
  ).conntrack_helper?.id

describe('conntrack helpers', () => {
  it('come, change and go, in the engine and in the router’s view too', async () => {
    const id = await router()
    const ftp = await add(id, { helper: 'ftp', protocol: 'tcp', port: 21 })
    const tftp = await add(id, { helper: 'tftp', protocol: 'UDP', port: '69' })
    const path = `/routers/${id}/conntrack_helpers`
    const { conntrack_helper: changed } = await cloud.ask('demo', 'PUT', `${path}/${tftp}`, {
      conntrack_helper: { port: 6969 },
    })
    expect(changed).toEqual({ id: tftp, helper: 'tftp', protocol: 'udp', port: 6969 })
    await cloud.settle()
    expect(cloud.engine.router(id)?.conntrackHelpers).toEqual([
      { id: ftp, helper: 'ftp', protocol: 'tcp', port: 21 },
      { id: tftp, helper: 'tftp', protocol: 'udp', port: 6969 },
    ])
    expect((await cloud.ask('demo', 'GET', `/routers/${id}`)).router.conntrack_helpers).toEqual([
      { helper: 'ftp', protocol: 'tcp', port: 21 },
      { helper: 'tftp', protocol: 'udp', port: 6969 },
    ])
    const few = await cloud.ask('demo', 'GET', `${path}?protocol=udp&fields=port`)
    expect(few.conntrack_helpers).toEqual([{ port: 6969 }])
    await cloud.ask('demo', 'DELETE', `${path}/${ftp}`)
    await cloud.ask('demo', 'GET', `${path}/${ftp}`, undefined, 404)
    await cloud.settle()
    expect(cloud.engine.router(id)?.conntrackHelpers).toMatchObject([{ id: tftp }])
    await cloud.ask('demo', 'DELETE', `/routers/${id}`)
    await cloud.settle()
  })

  it('are what an engine can give, one for a port', async () => {
    const id = await router()
    await add(id, { helper: 'gopher', protocol: 'tcp', port: 70 }, 400)
    await add(id, { helper: 'ftp', protocol: 'udp', port: 21 }, 400)
    await add(id, { helper: 'ftp', protocol: 'tcp', port: 0 }, 400)
    await add(id, { helper: 'ftp', protocol: 'tcp', port: '70000' }, 400)
    const sip = await add(id, { helper: 'sip', protocol: 'tcp', port: 5060 })
    await add(id, { helper: 'irc', protocol: 'tcp', port: 5060 }, 400)
    const other = await add(id, { helper: 'sip', protocol: 'udp', port: 5060 })
    const path = `/routers/${id}/conntrack_helpers`
    const change = { conntrack_helper: { protocol: 'tcp' } }
    await cloud.ask('demo', 'PUT', `${path}/${other}`, change, 400)
    await cloud.ask('demo', 'PUT', `${path}/${sip}`, change)
  })

  it('are the affair of who owns the router', async () => {
    const id = await router()
    const path = `/routers/${id}/conntrack_helpers`
    await cloud.ask('other', 'GET', path, undefined, 404)
    const body = { conntrack_helper: { helper: 'ftp', protocol: 'tcp', port: 21 } }
    await cloud.ask('reader', 'POST', path, body, 403)
    await cloud.ask('admin', 'POST', path, body)
    const second = await router()
    const [{ id: helper }] = (await cloud.ask('demo', 'GET', path)).conntrack_helpers
    await cloud.ask('demo', 'GET', `/routers/${second}/conntrack_helpers/${helper}`, undefined, 404)
  })
})
