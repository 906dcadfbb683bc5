import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ExternalSpec, PortSpec, RouterSpec, SecurityGroupSpec } from '../network.ts'
import type { NetworkBed } from './network-bed.ts'
import {
  allowAll,
  deaf,
  externalSpec,
  gatewaySpec,
  groupSpec,
  legSpec,
  networkSpec,
  portSpec,
  routerSpec,
} from './network-specs.ts'

/** The part of the port's promise that needs no packets; every engine passes it. */
export function networkContract(name: string, make: () => Promise<NetworkBed>): void {
  describe(`network port: ${name}`, () => {
    let bed: NetworkBed
    beforeAll(async () => {
      bed = await make()
    })
    afterAll(async () => await bed.close())
    networkLife(() => bed)
    portLife(() => bed)
    groupLife(() => bed)
    routerLife(() => bed)
    inspection(() => bed)
    absence(() => bed)
  })
}

function networkLife(bed: () => NetworkBed): void {
  it('lists a network from its first ensure to its removal, whatever is repeated', async () => {
    const { port } = bed()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    await port.ensureNetwork({ ...networkSpec(id), mtu: 1350 })
    expect((await port.list()).networks).toContain(id)
    expect(await port.pluggedPorts(id)).toEqual([])
    await port.removeNetwork(id)
    await port.removeNetwork(id)
    expect((await port.list()).networks).not.toContain(id)
  })

  it('lists an external network from its first ensure to its removal', async () => {
    const { port, external } = bed()
    const networkId = randomUUID()
    const spec = externalSpec(networkId, external)
    await port.ensureExternal(spec)
    await port.ensureExternal(spec)
    expect((await port.list()).externals).toContain(networkId)
    await port.removeExternal(networkId)
    await port.removeExternal(networkId)
    expect((await port.list()).externals).not.toContain(networkId)
  })

  it('serves the guests of a network or router that is there, whatever is repeated, and of no other', async () => {
    const { port } = bed()
    const id = randomUUID()
    await expect(port.serveGuests(id, deaf)).rejects.toThrow(/is not on this host/)
    await port.ensureNetwork(networkSpec(id))
    await port.serveGuests(id, deaf)
    await port.serveGuests(id, deaf)
    const router = routerSpec({ interfaces: [legSpec(id, '10.0.0.1')] })
    await expect(port.serveRouterGuests(router.id, deaf)).rejects.toThrow(/is not on this host/)
    await port.ensureRouter(router)
    await port.serveRouterGuests(router.id, deaf)
    await port.serveRouterGuests(router.id, deaf)
    await port.removeRouter(router.id)
    await port.removeNetwork(id)
    expect((await port.list()).networks).not.toContain(id)
  })
}

function portLife(bed: () => NetworkBed): void {
  it('knows a port from plug to unplug, whatever is repeated', async () => {
    const { port } = bed()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    const spec = portSpec(id, '10.0.0.5')
    const at = { netns: await bed().netns(), ifname: 'eth0' }
    await port.plug(spec, at)
    await port.plug(spec, at)
    expect(await port.pluggedPorts(id)).toEqual([spec.id])
    await port.updatePort({ ...spec, adminUp: false, portSecurity: false }, at)
    await port.updatePort({ ...spec, addresses: [{ address: '10.0.0.6', prefix: 24 }] }, at)
    expect(await port.pluggedPorts(id)).toEqual([spec.id])
    await port.unplug(spec.id, id)
    await port.unplug(spec.id, id)
    expect(await port.pluggedPorts(id)).toEqual([])
    await port.plug(spec, at)
    expect(await port.pluggedPorts(id)).toEqual([spec.id])
    await port.removeNetwork(id)
  })

  it('moves a port to a namespace that was made anew', async () => {
    const { port } = bed()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    const spec = portSpec(id, '10.0.0.5')
    await port.plug(spec, { netns: await bed().netns(), ifname: 'eth0' })
    await port.plug(spec, { netns: await bed().netns(), ifname: 'eth0' })
    expect(await port.pluggedPorts(id)).toEqual([spec.id])
    await port.removeNetwork(id)
  })

  it('keeps two networks of the same CIDR apart', async () => {
    const { port } = bed()
    const ids = [randomUUID(), randomUUID()]
    const specs = ids.map((id) => portSpec(id, '10.0.0.5'))
    for (const id of ids) await port.ensureNetwork(networkSpec(id))
    for (const spec of specs) await port.plug(spec, { netns: await bed().netns(), ifname: 'eth0' })
    for (const spec of specs) expect(await port.pluggedPorts(spec.networkId)).toEqual([spec.id])
    for (const id of ids) await port.removeNetwork(id)
  })

  it('plugs many at once', async () => {
    const { port } = bed()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    const specs = [5, 6, 7, 8, 9, 10].map((last) => portSpec(id, `10.0.0.${last}`))
    await Promise.all(
      specs.map(
        async (spec) => await port.plug(spec, { netns: await bed().netns(), ifname: 'eth0' }),
      ),
    )
    expect([...(await port.pluggedPorts(id))].sort()).toEqual(specs.map((spec) => spec.id).sort())
    await Promise.all(specs.map((spec) => port.unplug(spec.id, id)))
    expect(await port.pluggedPorts(id)).toEqual([])
    await port.removeNetwork(id)
  })

  it('refuses a port whose words are no addresses, and one of no network', async () => {
    const { port } = bed()
    const id = randomUUID()
    const at = { netns: await bed().netns(), ifname: 'eth0' }
    await expect(port.plug(portSpec(id, '10.0.0.5'), at)).rejects.toThrow(id)
    await port.ensureNetwork(networkSpec(id))
    await expect(port.plug(portSpec(id, '10.0.0.5', { mac: 'x; drop' }), at)).rejects.toThrow('MAC')
    await expect(port.plug(portSpec(id, '10.0.0.500'), at)).rejects.toThrow('10.0.0.500')
    await expect(port.plug(portSpec(id, '10.0.0.5'), { ...at, ifname: 'a b' })).rejects.toThrow(
      'a b',
    )
    expect(await port.pluggedPorts(id)).toEqual([])
    await port.removeNetwork(id)
  })
}

function groupLife(bed: () => NetworkBed): void {
  it('takes a security group with every kind of rule, again and changed, and forgets it', async () => {
    const { port } = bed()
    const id = randomUUID()
    await port.ensureNetwork(networkSpec(id))
    const group = groupSpec(everyKindOfRule, ['10.0.0.5'])
    const spec = portSpec(id, '10.0.0.5', { securityGroups: [group] })
    await port.ensureSecurityGroup(id, group)
    await port.plug(spec, { netns: await bed().netns(), ifname: 'eth0' })
    await port.ensureSecurityGroup(id, group)
    const members = ['10.0.0.5', '10.0.0.6', '10.0.0.0/28', 'fd00::5']
    const rules = group.rules.map((rule) =>
      rule.remoteMembers === undefined ? rule : { ...rule, remoteMembers: members },
    )
    await port.ensureSecurityGroup(id, { ...group, rules, members })
    await port.ensureSecurityGroup(id, { ...group, rules: [] })
    await port.unplug(spec.id, id)
    await port.removeSecurityGroup(id, group.id)
    await port.removeSecurityGroup(id, group.id)
    await port.removeNetwork(id)
  })
}

const everyKindOfRule: SecurityGroupSpec['rules'] = [
  ...allowAll,
  { direction: 'ingress', ethertype: 'IPv4', protocol: 6, portMin: 22, portMax: 22 },
  {
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 17,
    portMin: 1,
    portMax: 65_535,
    remoteCidr: '192.0.2.0/24',
  },
  { direction: 'ingress', ethertype: 'IPv4', protocol: 1, portMin: 8, portMax: 0 },
  { direction: 'ingress', ethertype: 'IPv4', protocol: 1, portMin: 3 },
  { direction: 'ingress', ethertype: 'IPv6', protocol: 58, portMin: 128 },
  { direction: 'ingress', ethertype: 'IPv6', protocol: 1 },
  { direction: 'ingress', ethertype: 'IPv4', protocol: 47 },
  { direction: 'ingress', ethertype: 'IPv4', protocol: 132, portMin: 80, portMax: 90 },
  { direction: 'ingress', ethertype: 'IPv4', remoteMembers: ['10.0.0.5'] },
  { direction: 'ingress', ethertype: 'IPv6', remoteMembers: ['10.0.0.5'] },
  { direction: 'egress', ethertype: 'IPv4', protocol: 6, remoteMembers: [] },
  {
    direction: 'egress',
    ethertype: 'IPv6',
    protocol: 6,
    portMin: 443,
    portMax: 443,
    remoteCidr: '2001:db8::/32',
  },
  { direction: 'egress', ethertype: 'IPv4', remoteCidr: '0.0.0.0/0' },
]

function routerLife(bed: () => NetworkBed): void {
  it('takes a router through interfaces, gateway and floating addresses and back', async () => {
    const { port, external } = bed()
    const [inner, other, outer] = [randomUUID(), randomUUID(), randomUUID()]
    await port.ensureNetwork(networkSpec(inner))
    await port.ensureNetwork(networkSpec(other, '10.0.1.0/24'))
    await port.ensureExternal(externalSpec(outer, external))
    const bare = routerSpec()
    await port.ensureRouter(bare)
    const full: RouterSpec = {
      ...bare,
      interfaces: [legSpec(inner, '10.0.0.1'), legSpec(other, '10.0.1.1')],
      external: gatewaySpec(outer, external),
      floatingIps: [{ id: randomUUID(), floating: external.floating, fixed: '10.0.0.5' }],
      routes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
    }
    await port.ensureRouter(full)
    await port.ensureRouter(full)
    await port.ensureRouter({ ...full, adminUp: false, floatingIps: [], routes: [] })
    await port.ensureRouter({ ...bare, interfaces: full.interfaces.slice(0, 1) })
    await port.ensureRouter(full)
    expect((await port.list()).routers).toContain(bare.id)
    expect(await port.pluggedPorts(inner)).toEqual([])
    await port.removeRouter(bare.id)
    await port.removeRouter(bare.id)
    expect((await port.list()).routers).not.toContain(bare.id)
    await port.removeExternal(outer)
    await port.removeNetwork(inner)
    await port.removeNetwork(other)
  })

  it('finds nothing to say of a router and an external network as they are wanted, and tells what is not so', async () => {
    const { port, external } = bed()
    const [inner, outer] = [randomUUID(), randomUUID()]
    await port.ensureNetwork(networkSpec(inner))
    const outside: ExternalSpec = {
      ...externalSpec(outer, external),
      subnets: [external, external.six].map(({ cidr, gateway }) => ({ cidr, gateway })),
    }
    const bare = routerSpec()
    const spec = everyWishOfARouter(bare, inner, outer, external)
    expect((await port.inspectExternal(outside)).map(({ kind, id }) => [kind, id])).toEqual([
      ['external', outer],
    ])
    expect((await port.inspectRouter(spec)).map(({ kind, id }) => [kind, id])).toEqual([
      ['router', bare.id],
    ])
    for (const wish of [bare, spec, bare, spec, { ...spec, adminUp: false }, spec]) {
      await port.ensureExternal(outside)
      await port.ensureRouter(wish)
      expect(await port.inspectRouter(wish)).toEqual([])
      expect(await port.inspectExternal(outside)).toEqual([])
    }
    expect(await port.inspectRouter({ ...spec, floatingIps: [] })).not.toEqual([])
    expect(await port.inspectExternal(externalSpec(outer, external))).not.toEqual([])
    await port.removeRouter(bare.id)
    await port.removeExternal(outer)
    await port.removeNetwork(inner)
  })

  it('has a reading for every metering label and none of a router that is not there', async () => {
    const { port, external } = bed()
    const [inner, outer, label] = [randomUUID(), randomUUID(), randomUUID()]
    await port.ensureNetwork(networkSpec(inner))
    await port.ensureExternal(externalSpec(outer, external))
    const spec = routerSpec({
      interfaces: [legSpec(inner, '10.0.0.1')],
      external: gatewaySpec(outer, external),
      metering: [{ labelId: label, rules: [{ direction: 'egress', excluded: false }] }],
    })
    expect(await port.readMeters(spec.id)).toEqual([])
    await port.ensureRouter(spec)
    expect(await port.readMeters(spec.id)).toEqual([{ labelId: label, packets: 0, bytes: 0 }])
    await port.ensureRouter({ ...spec, metering: [] })
    expect(await port.readMeters(spec.id)).toEqual([])
    await port.removeRouter(spec.id)
    await port.removeExternal(outer)
    await port.removeNetwork(inner)
  })

  it('refuses a router between networks that are not there', async () => {
    const { port } = bed()
    const nowhere = randomUUID()
    const spec = routerSpec({ interfaces: [legSpec(nowhere, '10.0.0.1')] })
    await expect(port.ensureRouter(spec)).rejects.toThrow(nowhere)
    await port.removeRouter(spec.id)
  })
}

function everyWishOfARouter(
  bare: RouterSpec,
  inner: string,
  outer: string,
  external: NetworkBed['external'],
): RouterSpec {
  const leg = legSpec(inner, '10.0.0.1')
  const gateway = gatewaySpec(outer, external)
  const qos = { egress: { kbps: 1000 }, ingress: { kbps: 2000, burstKbits: 100 } }
  const last = (octet: number): string => external.floating.replace(/\d+$/, String(octet))
  const forwarding = { floating: last(120), fixed: '10.0.0.6', protocol: 'tcp' } as const
  return {
    ...bare,
    interfaces: [
      { ...leg, addresses: [...leg.addresses, { address: 'fd00:0:0:1::1', prefix: 64 }] },
    ],
    external: {
      ...gateway,
      addresses: [...gateway.addresses, { address: external.six.address, prefix: 64 }],
      gateways: [external.gateway, external.six.gateway],
      routed: ['fd00:0:0:1::/64'],
      qos,
    },
    floatingIps: [{ id: randomUUID(), floating: external.floating, fixed: '10.0.0.5', qos }],
    portForwardings: [
      { ...forwarding, id: randomUUID(), externalPorts: [80, 80], internalPorts: [8080, 8080] },
      { ...forwarding, id: randomUUID(), externalPorts: [90, 95], internalPorts: [90, 95] },
      { ...forwarding, id: randomUUID(), externalPorts: [100, 109], internalPorts: [200, 209] },
    ],
    routes: [
      { destination: '192.0.2.0/24', nexthop: '10.0.0.9' },
      { destination: '2001:db8::/32', nexthop: 'fd00:0:0:1::9' },
    ],
    metering: [{ labelId: randomUUID(), rules: everyKindOfMetering }],
    conntrackHelpers: (['ftp', 'h323'] as const).map((helper, at) => ({
      id: randomUUID(),
      helper,
      protocol: 'tcp',
      port: 21 + at,
    })),
    ndpProxies: [{ id: randomUUID(), address: 'fd00:0:0:2::5' }],
  }
}

const everyKindOfMetering: NonNullable<RouterSpec['metering']>[number]['rules'] = [
  { direction: 'ingress', excluded: false },
  { direction: 'egress', excluded: true, remoteCidr: '10.0.0.5/32' },
  { direction: 'egress', excluded: false, sourceCidr: '10.0.0.0/24', destinationCidr: '0.0.0.0/0' },
  { direction: 'ingress', excluded: false, sourceCidr: 'fd00::/16' },
]

function inspection(bed: () => NetworkBed): void {
  it('finds nothing amiss in what was just made, and what is not there', async () => {
    const { port } = bed()
    const spec = networkSpec(randomUUID())
    const [gone] = await port.inspectNetwork(spec, [])
    expect(gone).toMatchObject({ kind: 'network', id: spec.id })
    await port.ensureNetwork(spec)
    const group = groupSpec(everyKindOfRule, ['10.0.0.5'])
    const plugged = {
      spec: portSpec(spec.id, '10.0.0.5', { securityGroups: [group], qos: { dscp: 10 } }),
      at: { netns: await bed().netns(), ifname: 'eth0' },
    }
    await port.plug(plugged.spec, plugged.at)
    expect(await port.inspectNetwork(spec, [plugged])).toEqual([])
    const missing = { ...plugged, spec: portSpec(spec.id, '10.0.0.6') } // it could be plugged there
    const found = await port.inspectNetwork(spec, [plugged, missing])
    expect(found.some(({ kind, id }) => kind === 'port' && id === missing.spec.id)).toBe(true)
    expect(found.some(({ id }) => id === plugged.spec.id || id === group.id)).toBe(false)
    await port.ensureNetwork({ ...spec, adminUp: false })
    expect(await port.inspectNetwork({ ...spec, adminUp: false }, [plugged])).toEqual([])
    await port.removeNetwork(spec.id)
  })

  it('limits, publishes and makes sub-ports, repeated and taken back', async () => {
    const { port } = bed()
    const [spec, inner] = [networkSpec(randomUUID()), networkSpec(randomUUID(), '10.0.1.0/24')]
    for (const each of [spec, inner]) await port.ensureNetwork(each)
    const at = { netns: await bed().netns(), ifname: 'eth0' }
    const plain = portSpec(spec.id, '10.0.0.5')
    const full: PortSpec = {
      ...plain,
      qos: { egress: { kbps: 1000, burstKbits: 200 }, ingress: { kbps: 2000 }, dscp: 8 },
      published: [
        { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 61_234, port: 80 },
        { protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 61_235, port: 53 },
      ],
    }
    const sub = portSpec(inner.id, '10.0.1.5', {
      trunk: { parentPortId: plain.id, parentNetworkId: spec.id, vlan: 12 },
    })
    const beneath = { ...at, ifname: 'eth0.12' }
    await expect(port.plug(sub, beneath)).rejects.toThrow('is not plugged')
    for (const wish of [full, full, plain, full]) {
      await port.plug(wish, at)
      expect(await port.inspectNetwork(spec, [{ spec: wish, at }])).toEqual([])
    }
    for (const _ of [1, 2]) await port.plug(sub, beneath)
    expect(await port.inspectNetwork(inner, [{ spec: sub, at: beneath }])).toEqual([])
    expect(await port.pluggedPorts(inner.id)).toEqual([sub.id])
    await port.unplug(sub.id, inner.id, beneath)
    expect(await port.pluggedPorts(inner.id)).toEqual([])
    await port.unplug(plain.id, spec.id, at)
    for (const each of [spec, inner]) await port.removeNetwork(each.id)
  })
}

function absence(bed: () => NetworkBed): void {
  it('removes what is not there without complaint', async () => {
    const { port } = bed()
    const [id, other] = [randomUUID(), randomUUID()]
    await port.removeNetwork(id)
    await port.removeRouter(id)
    await port.removeExternal(id)
    await port.unplug(other, id)
    await port.removeSecurityGroup(id, other)
    expect(await port.pluggedPorts(id)).toEqual([])
  })

  it('holds nothing when all has been removed', async () => {
    expect(await bed().port.list()).toEqual({ networks: [], routers: [], externals: [] })
  })
}
