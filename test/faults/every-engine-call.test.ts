import { rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startCloud } from '../../src/cloud.ts'
import {
  createFakeCompute,
  createFakeImageStore,
  createFakeNetwork,
} from '../../src/engines/fake/index.ts'
import type { Engines } from '../../src/engines.ts'
import { loadConfig } from '../../src/kernel/config/config.ts'
import { createLog } from '../../src/kernel/log/log.ts'
import { withFaults, type Faults } from '../../src/kernel/testkit/faults.ts'
import { credentialsOf, temporaryData } from '../support/cloud-process.ts'
import { ok, Session, until } from '../support/session.ts'

/**
 * Every reconciler of every service under one harness: a whole life (network, router, server, floating IP, snapshot, and all of
 * it deleted again) is lived once undisturbed; then once more for every kind of engine call, with that call failing, and with
 * its answer lost after it had its effect. The cloud must arrive at the same end, and nothing may be left in the engines.
 */
const WRITES = {
  compute: ['loadImage', 'ensureSandbox', 'create', 'start', 'destroy', 'commit'],
  network: [
    'ensureNetwork',
    'removeNetwork',
    'ensureExternal',
    'ensureRouter',
    'removeRouter',
    'plug',
    'updatePort',
    'unplug',
    'ensureSecurityGroup',
    'removeSecurityGroup',
  ],
  images: ['remove'],
} as const

interface World {
  readonly engines: Engines
  readonly faults: Faults
  readonly demo: Session
  close(): Promise<void>
}

async function start(): Promise<World> {
  const data = temporaryData()
  const faults: Faults = { calls: [], plan: undefined }
  const engines: Engines = {
    compute: createFakeCompute(),
    network: createFakeNetwork(),
    images: createFakeImageStore(),
    contexts: createFakeImageStore(),
  }
  const faulty: Engines = {
    compute: withFaults(engines.compute, faults, WRITES.compute),
    network: withFaults(engines.network, faults, WRITES.network),
    images: withFaults(engines.images, faults, WRITES.images),
    contexts: engines.contexts,
  }
  const flags = { data, 'listen.port': 0, 'engines.kind': 'fake', 'log.level': 'silent' }
  const config = loadConfig({ env: {}, flags })
  const cloud = await startCloud(config, createLog('silent'), {
    engines: faulty,
    backOffMs: () => 20,
  })
  const demo = await Session.login(credentialsOf(data, 'demo'))
  await cloud.app.runner.idle()
  faults.calls.length = 0
  const close = async (): Promise<void> => {
    await cloud.close()
    rmSync(data, { recursive: true, force: true })
  }
  return { engines, faults, demo, close }
}

async function live(world: World): Promise<void> {
  const made = await make(world.demo)
  await unmake(world.demo, made)
}

interface Made {
  readonly network: string
  readonly subnet: string
  readonly router: string
  readonly server: string
  readonly floatingIp: string
  readonly images: readonly string[]
}

async function make(demo: Session): Promise<Made> {
  const { network: neutron, compute } = demo
  const network = ok(await neutron.post('/networks', { network: { name: 'n' } })).network
    .id as string
  const wish = { network_id: network, ip_version: 4, cidr: '10.9.0.0/24' }
  const subnet = ok(await neutron.post('/subnets', { subnet: wish })).subnet.id as string
  const outside = ok(await neutron.get('/networks?router:external=true')).networks[0].id as string
  const gateway = { external_gateway_info: { network_id: outside } }
  const router = ok(await neutron.post('/routers', { router: { name: 'r', ...gateway } })).router
    .id as string
  ok(await neutron.put(`/routers/${router}/add_router_interface`, { subnet_id: subnet }))
  const image = await upload(demo)
  const flavor = ok(await compute.get('/flavors')).flavors[0].id as string
  const order = { name: 's', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }
  const server = ok(await compute.post('/servers', { server: order })).server.id as string
  await statusIs(demo, server, 'ACTIVE')
  const floatingIp = await giveFloatingIp(demo, server, outside)
  const snapshot = await takeSnapshot(demo, server)
  return { network, subnet, router, server, floatingIp, images: [image, snapshot] }
}

async function upload(demo: Session): Promise<string> {
  const wish = { name: 'i', container_format: 'docker', disk_format: 'raw' }
  const id = ok(await demo.image.post('/images', wish)).id as string
  const bytes = demo.image.with({ 'content-type': 'application/octet-stream' })
  ok(await bytes.send('PUT', `/images/${id}/file`, 'a tar'))
  return id
}

async function giveFloatingIp(demo: Session, server: string, outside: string): Promise<string> {
  const { network: neutron } = demo
  const [port] = ok(await neutron.get(`/ports?device_id=${server}`)).ports as { id: string }[]
  const { security_groups: groups } = ok(await neutron.get('/security-groups?name=default'))
  const rule = {
    security_group_id: groups[0].id,
    direction: 'ingress',
    protocol: 'tcp',
    port_range_min: 80,
    port_range_max: 80,
  }
  ok(await neutron.post('/security-group-rules', { security_group_rule: rule }))
  const wish = { floating_network_id: outside, port_id: port?.id }
  const id = ok(await neutron.post('/floatingips', { floatingip: wish })).floatingip.id as string
  const show = async (): Promise<string> =>
    ok(await neutron.get(`/floatingips/${id}`)).floatingip.status as string
  await until(show, (status) => status === 'ACTIVE', {
    what: 'the floating IP',
    everyMs: 10,
    timeoutMs: 10_000,
  })
  return id
}

async function takeSnapshot(demo: Session, server: string): Promise<string> {
  const compute = demo.compute.with({ 'openstack-api-version': 'compute 2.45' })
  const { image_id: id } = ok(
    await compute.post(`/servers/${server}/action`, { createImage: { name: 'snap' } }),
  )
  const show = async (): Promise<string> =>
    ok(await demo.image.get(`/images/${id}`)).status as string
  await until(show, (status) => status === 'active', {
    what: 'the snapshot',
    everyMs: 10,
    timeoutMs: 10_000,
  })
  return id as string
}

async function statusIs(demo: Session, server: string, wanted: string): Promise<void> {
  const show = async (): Promise<string> =>
    ok(await demo.compute.get(`/servers/${server}`)).server.status as string
  await until(show, (status) => status === wanted, {
    what: `the server to be ${wanted}`,
    everyMs: 10,
    timeoutMs: 10_000,
  })
}

async function unmake(demo: Session, made: Made): Promise<void> {
  const { network: neutron, compute, image } = demo
  ok(await neutron.delete(`/floatingips/${made.floatingIp}`))
  ok(await compute.delete(`/servers/${made.server}`))
  const gone = async (): Promise<number> => (await compute.get(`/servers/${made.server}`)).status
  await until(gone, (status) => status === 404, {
    what: 'the server to be gone',
    everyMs: 10,
    timeoutMs: 10_000,
  })
  ok(
    await neutron.put(`/routers/${made.router}/remove_router_interface`, {
      subnet_id: made.subnet,
    }),
  )
  ok(await neutron.delete(`/routers/${made.router}`))
  ok(await neutron.delete(`/networks/${made.network}`))
  for (const id of made.images) ok(await image.delete(`/images/${id}`))
}

/** What the engines still hold of this life; first start's own network, router and external network stay. */
async function leftovers({ engines }: World): Promise<unknown> {
  const { networks, routers } = await engines.network.list()
  return {
    workloads: await engines.compute.list(),
    networks: networks.length,
    routers: routers.length,
    blobs: await engines.images.list(),
  }
}

async function expectNothingLeft(world: World): Promise<void> {
  const clean = { workloads: [], networks: 1, routers: 1, blobs: [] }
  await until(
    async () => await leftovers(world),
    (seen) => isDeepStrictEqual(seen, clean),
    { what: 'the engines to hold nothing of this life', everyMs: 50, timeoutMs: 15_000 },
  )
  expect(await leftovers(world)).toEqual(clean)
}

async function undisturbed(): Promise<readonly string[]> {
  const world = await start()
  await live(world)
  await expectNothingLeft(world)
  const calls = [...world.faults.calls]
  await world.close()
  return calls
}

const calls = await undisturbed()
/** The first and the last call of each kind: between them lie making and unmaking. */
const moments = [...new Set(calls)].flatMap((name) =>
  [...new Set([calls.indexOf(name), calls.lastIndexOf(name)])].map((at) => ({ name, at })),
)

describe('a whole life, disturbed once', () => {
  it('has all the kinds of calls that are to be disturbed', () => {
    expect(new Set(calls).size).toBeGreaterThanOrEqual(12)
  })

  it.each(
    moments.flatMap((moment) => [
      { ...moment, when: 'before' as const },
      { ...moment, when: 'after' as const },
    ]),
  )(
    '$name (call $at) fails $when its effect',
    async ({ at, when }) => {
      const world = await start()
      try {
        world.faults.plan = { at, when, times: 1 }
        await live(world)
        await expectNothingLeft(world)
      } finally {
        await world.close()
      }
    },
    60_000,
  )
})
