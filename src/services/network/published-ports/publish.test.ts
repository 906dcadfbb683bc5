import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
let network: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  network = (await cloud.ask('demo', 'POST', '/networks', { network: { name: 'n' } })).network.id
  await cloud.ask('demo', 'POST', '/subnets', {
    subnet: { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' },
  })
})
afterAll(async () => await cloud.close())

const ctx = () => cloud.ctxOf(projectIdOf('demo'))

async function newPort(device: string): Promise<string> {
  const port = await cloud.service.face.createPort(ctx(), {
    networkId: network,
    name: '',
    deviceId: device,
    deviceOwner: 'compute:nova',
    owned: true,
  })
  return port.id
}

const web = { protocol: 'tcp', port: 80, hostPort: 8080 } as const

describe('published ports', () => {
  it('reach the engine, are one port’s alone, and are free again when it closes them or goes', async () => {
    const { face } = cloud.service
    const [one, other] = [await newPort('one'), await newPort('other')]
    await face.plugPort(ctx(), one, { netns: '/run/netns/one', ifname: 'eth0' })
    const published = [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, port: 80 }]
    expect(await face.publishPorts(ctx(), one, [web])).toEqual(published)
    await cloud.settle()
    const seen = () => cloud.engine.segment(network)?.ports.get(one)?.spec.published
    expect(seen()).toEqual(published)
    await expect(face.publishPorts(ctx(), other, [web])).rejects.toThrow('already allocated')
    await face.publishPorts(ctx(), one, [])
    await cloud.settle()
    expect(seen()).toEqual([])
    await face.publishPorts(ctx(), other, [web])
    await face.releasePort(ctx(), other)
    expect(await face.publishPorts(ctx(), one, [web])).toEqual(published)
  })

  it('are refused where a program of the host listens', async () => {
    const port = await newPort('third')
    cloud.engine.busyPorts.add(9090)
    const wish = { ...web, hostPort: 9090 }
    await expect(cloud.service.face.publishPorts(ctx(), port, [wish])).rejects.toThrow(
      '0.0.0.0:9090 failed',
    )
  })
})
