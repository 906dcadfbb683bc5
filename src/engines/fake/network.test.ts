import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { networkContract } from '../../ports/contract/network.ts'
import { deaf, networkSpec, portSpec } from '../../ports/contract/network-specs.ts'
import { createFakeNetwork } from './network.ts'

networkContract('fake', async () => {
  const port = createFakeNetwork()
  let netns = 0
  return await Promise.resolve({
    port,
    netns: async () => await Promise.resolve(`/fake/netns/${netns++}`),
    external: {
      cidr: '203.0.113.0/24',
      gateway: '203.0.113.1',
      address: '203.0.113.10',
      floating: '203.0.113.101',
      six: { cidr: '2001:db8::/64', gateway: '2001:db8::1', address: '2001:db8::10' },
    },
    close: () => port.close(),
  })
})

describe('the knobs of the fake network', () => {
  const at = { netns: '/fake/netns/1', ifname: 'eth0' }

  it('fails a step as often as told, or for the one it is told', async () => {
    const port = createFakeNetwork()
    const id = randomUUID()
    port.failOn.set('ensureNetwork', 1)
    await expect(port.ensureNetwork(networkSpec(id))).rejects.toThrow('ensureNetwork')
    await port.ensureNetwork(networkSpec(id))
    const [good, bad] = [portSpec(id, '10.0.0.5'), portSpec(id, '10.0.0.6')]
    port.failOn.set('plug', (subject) => subject === bad.id)
    await port.plug(good, at)
    await expect(port.plug(bad, { ...at, ifname: 'eth1' })).rejects.toThrow(bad.id)
    expect(await port.pluggedPorts(id)).toEqual([good.id])
  })

  it('lets a port and a network vanish', async () => {
    const port = createFakeNetwork()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    const spec = portSpec(id, '10.0.0.5')
    await port.plug(spec, at)
    expect(port.segment(id)?.ports.get(spec.id)?.at).toEqual(at)
    port.vanish(spec.id)
    expect(await port.pluggedPorts(id)).toEqual([])
    port.vanish(id)
    await expect(port.plug(spec, at)).rejects.toThrow(id)
  })

  it('hands a metadata call to whoever serves the network, and hangs up where nobody does', async () => {
    const port = createFakeNetwork()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    const unheard = new Socket()
    port.callMetadata(id, '10.0.0.5', unheard)
    expect(unheard.destroyed).toBe(true)
    const callers: string[] = []
    await port.serveGuests(id, {
      ...deaf,
      metadata: (socket, from) => {
        callers.push(`${from.networkId} ${from.address}`)
        socket.destroy()
      },
    })
    port.callMetadata(id, '10.0.0.5', new Socket())
    expect(callers).toEqual([`${id} 10.0.0.5`])
  })
})
