import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findOrphans } from '../../../cli/orphans.ts'
import { loadConfig } from '../../../src/kernel/config/config.ts'
import { run } from '../../../src/kernel/exec/run.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../../support/cloud-process.ts'
import { namespacesOf, tagOf } from '../../support/host-state.ts'
import { ok, Session, until } from '../../support/session.ts'
import {
  allowTcp,
  createServer,
  giveFloatingIp,
  makeNetwork,
  makeRouter,
  reachable,
  SCRIPTED,
  serverIn,
  uploadBusybox,
} from '../../support/tenant.ts'

/** What is taken away from a network behind the cloud's back is there again within a minute, works, and was counted. */
const HEALED_WITHIN_MS = 60_000

let cloud: CloudProcess
let data: string
let demo: Session
let address: string
let port: string
let network: string
let router: string

beforeAll(async () => {
  data = temporaryData()
  // an operator's knob: how often the host is compared with what is wanted
  writeFileSync(join(data, 'stackyard.yaml'), 'network:\n  sweepSeconds: 2\n')
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
  const image = await uploadBusybox(demo, 'page', SCRIPTED)
  const { networkId, subnetId } = await makeNetwork(demo, 'net', '10.78.0.0/24')
  await makeRouter(demo, 'door', subnetId)
  await allowTcp(demo, 'default', 80)
  const server = await createServer(demo, { name: 'page', image, networks: [{ uuid: networkId }] })
  await serverIn(demo, server, 'ACTIVE')
  address = (await giveFloatingIp(demo, server)).address
  await reachable(address, 'page')
  const { ports } = ok(await demo.network.get(`/ports?device_id=${server}`))
  port = String(ports[0].id)
  network = await namespace('n', networkId)
  const { routers } = ok(await demo.network.get('/routers?name=door'))
  router = await namespace('r', String(routers[0].id))
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
})

const short = (id: string): string => id.replaceAll('-', '').slice(0, 12)

async function namespace(kind: 'n' | 'r', id: string): Promise<string> {
  const found = (await namespacesOf(data)).find((name) => name.endsWith(`-${kind}-${short(id)}`))
  if (found === undefined) throw new Error(`there is no namespace of ${id}`)
  return found
}

const inside = async (netns: string, ...words: string[]): Promise<string> =>
  await run('nsenter', [`--net=/run/netns/${netns}`, ...words])

async function repairs(kind: string): Promise<number> {
  const text = await (await fetch(`${cloud.url}/metrics`)).text()
  const line = new RegExp(`^stackyard_repairs_total\\{kind="${kind}"\\} (\\d+)`, 'm').exec(text)
  return Number(line?.[1] ?? 0)
}

/** For a few rounds of looking. */
async function nothingRepaired(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 6_000))
  for (const kind of ['network', 'port', 'group', 'router', 'external'])
    expect(await repairs(kind), kind).toBe(0)
}

describe('behind the cloud’s back', () => {
  it('nothing is repaired while nothing is amiss, nor after a restart', async () => {
    await nothingRepaired()
    await cloud.stop()
    cloud = await startCloudProcess({ data })
    await nothingRepaired()
    demo = await Session.login(cloud.credentials('demo'))
  })

  it.each([
    [
      'a table of filters is deleted',
      'network',
      async () => await inside(network, 'nft', 'delete table bridge sg'),
    ],
    [
      'the rules of a group are flushed',
      'group',
      async () => {
        const { security_groups: groups } = ok(await demo.network.get('/security-groups'))
        const own = groups.find((group: { name: string }) => group.name === 'default')
        await inside(network, 'nft', `flush chain bridge sg gto_${short(String(own.id))}`)
      },
    ],
    [
      'the link of a port is deleted',
      'port',
      async () => await inside(network, 'ip', 'link', 'del', `p${short(port)}`),
    ],
    [
      'the bridge of a network is deleted',
      'network',
      async () => await inside(network, 'ip', 'link', 'del', 'br0'),
    ],
    [
      'the namespace of a network is deleted',
      'network',
      async () => await run('ip', ['netns', 'del', network]),
    ],
    [
      'the rules of a router are deleted',
      'router',
      async () => await inside(router, 'nft', 'flush ruleset'),
    ],
    [
      'the namespace of a router is deleted',
      'router',
      async () => await run('ip', ['netns', 'del', router]),
    ],
  ] as const)('%s: repaired, and counted as %s', async (_what, kind, harm) => {
    const before = await repairs(kind)
    await harm()
    await until(
      async () => await repairs(kind),
      (count) => count > before,
      { timeoutMs: HEALED_WITHIN_MS, everyMs: 300, what: `a repair of a ${kind}` },
    )
    await reachable(address, 'page', HEALED_WITHIN_MS)
    await until(
      async () => await inside(network, 'ip', '-o', 'link', 'show', 'master', 'br0'),
      (links) => links.includes(`p${short(port)}`),
      { timeoutMs: HEALED_WITHIN_MS, everyMs: 300, what: 'the port to be plugged' },
    )
    await reachable(address, 'page', HEALED_WITHIN_MS)
    expect(await inside(network, 'nft', 'list', 'table', 'bridge', 'sg')).toContain('drop')
  })
})

describe('the doctor', () => {
  it('tells what no row wants, and what a cloud has left whose data folder is gone', async () => {
    await cloud.stop()
    const tag = tagOf(data)
    const lost = tag === '0f0f' ? 'f0f0' : '0f0f'
    const strays = [`sy${tag}-n-0123456789ab`, `sy${lost}-r-0123456789ab`]
    for (const name of strays) await run('ip', ['netns', 'add', name])
    try {
      const config = loadConfig({ flags: { data } })
      const orphans = await findOrphans({ data, config, mainArgs: [] })
      const names = orphans.map(({ name }) => name)
      expect(names).toEqual(expect.arrayContaining(strays.map((name) => `namespace ${name}`)))
      expect(names.filter((name) => name.includes(tag))).toEqual([`namespace ${strays[0]}`])
    } finally {
      for (const name of strays) await run('ip', ['netns', 'del', name])
    }
  })
})
