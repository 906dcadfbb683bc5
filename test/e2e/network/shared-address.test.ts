import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../../support/cloud-process.ts'
import { ok, Session, until } from '../../support/session.ts'
import {
  allowTcp,
  createServer,
  externalNetwork,
  makeNetwork,
  makeRouter,
  pageAt,
  reachable,
  SCRIPTED,
  serverIn,
  uploadBusybox,
} from '../../support/tenant.ts'

/** One floating address for several guests: port forwardings, limits by QoS policies, address groups. */
const BIG_KIB = 2048
const SLOW_KBPS = 8000

let cloud: CloudProcess
let data: string
let demo: Session
let admin: Session
let image: string
let network: string
let floating: { readonly id: string; readonly address: string }

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
  admin = await Session.login(cloud.credentials('admin'))
  image = await uploadBusybox(demo, 'page', SCRIPTED)
  const { networkId, subnetId } = await makeNetwork(demo, 'net', '10.79.0.0/24')
  network = networkId
  await makeRouter(demo, 'door', subnetId)
  await allowTcp(demo, 'default', 80)
  const wish = { floating_network_id: await externalNetwork(demo) }
  const { floatingip } = ok(await demo.network.post('/floatingips', { floatingip: wish }))
  floating = { id: String(floatingip.id), address: String(floatingip.floating_ip_address) }
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
})

/** A guest with its page, and its port. */
async function guest(name: string, securityGroups?: readonly string[]): Promise<string> {
  const server = await createServer(demo, {
    name,
    image,
    networks: [{ uuid: network }],
    userData: `dd if=/dev/zero of=/www/big bs=1024 count=${BIG_KIB} 2>/dev/null; echo ready`,
    ...(securityGroups === undefined ? {} : { securityGroups }),
  })
  await serverIn(demo, server, 'ACTIVE')
  const { ports } = ok(await demo.network.get(`/ports?device_id=${server}`))
  return String(ports[0].id)
}

async function forward(port: string, external: number): Promise<string> {
  const wish = {
    internal_port_id: port,
    internal_port: 80,
    external_port: external,
    protocol: 'tcp',
  }
  const path = `/floatingips/${floating.id}/port_forwardings`
  return String(ok(await demo.network.post(path, { port_forwarding: wish })).port_forwarding.id)
}

const at = (port: number): string => `${floating.address}:${port}`

async function closed(port: number): Promise<void> {
  const options = { what: `nobody at ${at(port)}`, timeoutMs: 20_000, everyMs: 200 }
  await until(
    async () => (await pageAt(at(port), 700)) ?? 'nobody',
    (seen) => seen === 'nobody',
    options,
  )
}

/** How long the big file takes; 0 while it is not whole yet. */
async function secondsFor(port: number): Promise<number> {
  const began = performance.now()
  const answer = await fetch(`http://${at(port)}/big`, { headers: { connection: 'close' } })
  const { byteLength } = await answer.arrayBuffer()
  return byteLength === BIG_KIB * 1024 ? (performance.now() - began) / 1000 : 0
}

describe('one floating address', () => {
  it('leads to several guests, port by port', async () => {
    const [one, two] = [await guest('page-1'), await guest('page-2')]
    await forward(one, 8081)
    const second = await forward(two, 8082)
    await reachable(at(8081), 'page-1')
    await reachable(at(8082), 'page-2')
    await closed(8083)
    ok(await demo.network.delete(`/floatingips/${floating.id}/port_forwardings/${second}`))
    await closed(8082)
    await reachable(at(8081), 'page-1')
  })

  it('is as slow as its policy, and so is a guest', async () => {
    const policy = { name: 'slow', shared: true }
    const id = String(ok(await admin.network.post('/qos/policies', { policy })).policy.id)
    const rule = { max_kbps: SLOW_KBPS, direction: 'egress' }
    const path = `/qos/policies/${id}/bandwidth_limit_rules`
    ok(await admin.network.post(path, { bandwidth_limit_rule: rule }))
    const options = { what: 'the whole file', timeoutMs: 30_000, everyMs: 300 }
    const quick = await until(
      async () => await secondsFor(8081),
      (seconds) => seconds > 0,
      options,
    )
    // a tenth of a second may pass at once
    const least = (BIG_KIB * 8.192) / SLOW_KBPS - 0.3
    expect(quick).toBeLessThan(least)
    const { port_forwardings: all } = ok(
      await demo.network.get(`/floatingips/${floating.id}/port_forwardings`),
    )
    const port = String(all[0].internal_port_id)
    const slowed = { what: 'the limit to hold', timeoutMs: 30_000, everyMs: 300 }
    for (const subject of [`floatingips/${floating.id}`, `ports/${port}`]) {
      const key = subject.startsWith('ports') ? 'port' : 'floatingip'
      ok(await demo.network.put(`/${subject}`, { [key]: { qos_policy_id: id } }))
      await until(
        async () => await secondsFor(8081),
        (seconds) => seconds > least,
        slowed,
      )
      ok(await demo.network.put(`/${subject}`, { [key]: { qos_policy_id: null } }))
      await until(
        async () => await secondsFor(8081),
        (seconds) => seconds < least,
        slowed,
      )
    }
  })

  it('is open to whom an address group names', async () => {
    const groups = '/address-groups'
    const { address_group: office } = ok(
      await demo.network.post(groups, { address_group: { name: 'office' } }),
    )
    const { security_group: only } = ok(
      await demo.network.post('/security-groups', { security_group: { name: 'only' } }),
    )
    const rule = {
      security_group_id: String(only.id),
      direction: 'ingress',
      protocol: 'tcp',
      remote_address_group_id: String(office.id),
    }
    ok(await demo.network.post('/security-group-rules', { security_group_rule: rule }))
    await forward(await guest('page-3', ['only']), 8084)
    await closed(8084)
    const everywhere = { addresses: ['0.0.0.0/1', '128.0.0.0/1'] }
    ok(await demo.network.put(`${groups}/${office.id}/add_addresses`, everywhere))
    await reachable(at(8084), 'page-3')
    ok(await demo.network.put(`${groups}/${office.id}/remove_addresses`, everywhere))
    await closed(8084)
  })
})
