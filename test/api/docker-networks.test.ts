import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestDocker } from '../../src/services/network/docker-plugin/test-docker.ts'
import { startTestCloud, type TestCloud } from '../support/kit.ts'
import { ok, type Session } from '../support/session.ts'

/** Docker's own networks in a whole cloud, on every database: whose they are, what the project sees, what is left. */
let test: TestCloud
let demo: Session
let docker: TestDocker
beforeAll(async () => {
  test = await startTestCloud()
  demo = await test.as('demo')
  docker = new TestDocker(test.plugin)
})
afterAll(async () => await test.close())

const names = async (what: string): Promise<string[]> =>
  (ok(await demo.network.get(`/${what}?sort_key=name`))[what] as { name: string }[]).map(
    ({ name }) => name,
  )

it('are the demo project’s, with everything in them, until they are removed', async () => {
  const before = await names('networks')
  const network = await docker.createNetwork({ ipv6: true })
  const container = await docker.run(network, {
    publish: [{ Port: 80, HostPort: 8080 }],
    expose: [{ Proto: 6, Port: 80 }],
    options: { 'stackyard.qos': '4000', 'stackyard.dns': 'till' },
  })
  expect(await names('networks')).toContain(`kuryr-net-${network.id.slice(0, 8)}`)
  expect(await names('ports')).toContain(`${container.endpoint}-port`)
  expect(await names('subnetpools')).toEqual(expect.arrayContaining(['kuryr', 'kuryr6']))
  await docker.stop(container)
  await docker.removeNetwork(network)
  await test.settle()
  expect(await names('networks')).toEqual(before)
  expect((await names('ports')).filter((name) => name.endsWith('-port'))).toEqual([])
})

it('take a tenant’s network and port by name and address, and give them back', async () => {
  const wish = { network: { name: 'shop' } }
  const { id } = ok(await demo.network.post('/networks', wish)).network
  const subnet = { network_id: id as string, ip_version: 4, cidr: '10.71.0.0/24' }
  ok(await demo.network.post('/subnets', { subnet }))
  const asked = { network_id: id as string, name: 'desk', fixed_ips: [{ ip_address: '10.71.0.9' }] }
  const { port } = ok(await demo.network.post('/ports', { port: asked }))
  const network = await docker.createNetwork({ ipam: { 'neutron.net.name': 'shop' } })
  const container = await docker.run(network, { ip: '10.71.0.9' })
  expect(container.mac).toBe(port.mac_address)
  await docker.stop(container)
  await docker.removeNetwork(network)
  const after = ok(await demo.network.get(`/ports/${port.id}`)).port
  expect(after).toMatchObject({ name: 'desk', device_id: '', device_owner: '', tags: [] })
})
