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
  giveFloatingIp,
  pageAt,
  reachable,
  SCRIPTED,
  serverIn,
  uploadBusybox,
} from '../../support/tenant.ts'

/** What is said about routers beside their interfaces is not only written down: packets obey. */
let cloud: CloudProcess
let data: string
let demo: Session
let admin: Session
let address: string
let router: string

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
  admin = await Session.login(cloud.credentials('admin'))
  const image = await uploadBusybox(demo, 'page', SCRIPTED)
  const path = `/auto-allocated-topology/${demo.projectId}`
  const network = String(ok(await demo.network.get(path)).auto_allocated_topology.id)
  await allowTcp(demo, 'default', 80)
  const server = await createServer(demo, { name: 'page', image, networks: [{ uuid: network }] })
  await serverIn(demo, server, 'ACTIVE')
  address = (await giveFloatingIp(demo, server)).address
  const { routers } = ok(await demo.network.get('/routers?name=auto_allocated_router'))
  router = String(routers[0].id)
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
})

/** Bytes that a label counted, as the metrics tell. */
async function counted(label: string): Promise<number> {
  const text = await (await fetch(`${cloud.url}/metrics`)).text()
  const line = new RegExp(
    `^stackyard_network_metered_bytes\\{label="${label}",router="${router}"\\} (\\d+)`,
    'm',
  ).exec(text)
  return Number(line?.[1] ?? 0)
}

async function label(rules: readonly object[]): Promise<string> {
  const wish = { metering_label: { name: 'page', project_id: demo.projectId } }
  const id = String(
    ok(await admin.network.post('/metering/metering-labels', wish)).metering_label.id,
  )
  for (const rule of rules)
    ok(
      await admin.network.post('/metering/metering-label-rules', {
        metering_label_rule: { metering_label_id: id, ...rule },
      }),
    )
  return id
}

describe('a network that was allocated for the project', () => {
  it('leads outside, and in by a floating IP', async () => {
    await reachable(address, 'page')
  })
})

describe('metering labels', () => {
  it('count what passes the gateway, and not what passes elsewhere', async () => {
    const both = await label(
      ['ingress', 'egress'].map((direction) => ({ direction, remote_ip_prefix: '10.128.0.0/24' })),
    )
    const strange = await label([{ direction: 'egress', source_ip_prefix: '10.129.0.0/16' }])
    await until(
      async () => {
        await reachable(address, 'page')
        return await counted(both)
      },
      (bytes) => bytes > 0,
      { what: 'the label to count', timeoutMs: 20_000, everyMs: 200 },
    )
    expect(await counted(strange)).toBe(0)
  })
})

describe('an L3 agent', () => {
  it('that is relieved of a router carries none of its packets, until it has it again', async () => {
    const { agents } = ok(await admin.network.get('/agents?agent_type=L3 agent'))
    const routers = `/agents/${agents[0].id}/l3-routers`
    ok(await admin.network.delete(`${routers}/${router}`))
    await until(
      async () => (await pageAt(address, 500)) ?? 'nobody',
      (seen) => seen === 'nobody',
      { what: 'the page to be out of reach', timeoutMs: 20_000, everyMs: 200 },
    )
    ok(await admin.network.post(routers, { router_id: router }))
    await reachable(address, 'page')
  })
})
