import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestCloud, type TestCloud } from '../support/kit.ts'
import { ok, type Session } from '../support/session.ts'

/** One story over all services through HTTP, on whichever database the run is for. */
let cloud: TestCloud
let demo: Session

beforeAll(async () => {
  cloud = await startTestCloud()
  demo = await cloud.as('demo')
})

afterAll(async () => {
  await cloud.close()
})

it('goes from nothing to a server behind a floating IP, and back to nothing', async () => {
  const before = await everything()
  const content = Buffer.from('what docker save wrote')
  const image = ok(
    await demo.image.post('/images', {
      name: 'page',
      disk_format: 'raw',
      container_format: 'docker',
    }),
  ).id as string // Glance's answer
  ok(
    await demo.image
      .with({ 'content-type': 'application/octet-stream' })
      .send('PUT', `/images/${image}/file`, new Uint8Array(content)),
  )
  expect((await demo.image.get(`/images/${image}/file`)).bytes).toEqual(content)
  const network = ok(await demo.network.post('/networks', { network: { name: 'net' } })).network
    .id as string // Neutron's answer
  const subnet = ok(
    await demo.network.post('/subnets', {
      subnet: { network_id: network, cidr: '10.90.0.0/24', ip_version: 4 },
    }),
  ).subnet.id as string // Neutron's answer
  const outside = ok(await demo.network.get('/networks?router:external=true')).networks[0]
    .id as string // Neutron's answer
  const router = ok(
    await demo.network.post('/routers', {
      router: { name: 'door', external_gateway_info: { network_id: outside } },
    }),
  ).router.id as string // Neutron's answer
  ok(await demo.network.put(`/routers/${router}/add_router_interface`, { subnet_id: subnet }))
  ok(await demo.compute.post('/os-keypairs', { keypair: { name: 'key' } }))
  const flavors = ok(await demo.compute.get('/flavors')).flavors as { id: string; name: string }[] // Nova's answer
  const wish = {
    name: 'page',
    imageRef: image,
    flavorRef: flavors[0]?.id,
    key_name: 'key',
    networks: [{ uuid: network }],
  }
  const server = ok(await demo.compute.post('/servers', { server: wish })).server.id as string // Nova's answer
  await cloud.settle()
  expect(ok(await demo.compute.get(`/servers/${server}`)).server).toMatchObject({
    status: 'ACTIVE',
    key_name: 'key',
    'OS-EXT-STS:power_state': 1,
  })
  const port = ok(await demo.network.get(`/ports?device_id=${server}`)).ports[0].id as string // Neutron's answer
  const floating = ok(
    await demo.network.post('/floatingips', {
      floatingip: { floating_network_id: outside, port_id: port },
    }),
  ).floatingip as { id: string; floating_ip_address: string } // Neutron's answer
  await cloud.settle()
  const { addresses } = ok(await demo.compute.get(`/servers/${server}`)).server
  expect(addresses.net.map((one: { addr: string }) => one.addr)).toContain(
    floating.floating_ip_address,
  )

  ok(await demo.compute.delete(`/servers/${server}`))
  await cloud.settle()
  expect((await demo.compute.get(`/servers/${server}`)).status).toBe(404)
  ok(await demo.network.delete(`/floatingips/${floating.id}`))
  ok(await demo.network.put(`/routers/${router}/remove_router_interface`, { subnet_id: subnet }))
  ok(await demo.network.delete(`/routers/${router}`))
  ok(await demo.network.delete(`/networks/${network}`))
  ok(await demo.compute.delete('/os-keypairs/key'))
  ok(await demo.image.delete(`/images/${image}`))
  await cloud.settle()
  expect(await everything()).toEqual(before)
})

it('keeps names, however written, and answers pages in one order', async () => {
  const names = ['Zebra', 'ape', 'Ünïcode 🦔', "o'quote", 'a%b_c', '日本']
  for (const name of names) ok(await demo.network.post('/networks', { network: { name } }))
  for (const name of names) {
    const { networks } = ok(await demo.network.get(`/networks?name=${encodeURIComponent(name)}`))
    expect(networks.map((one: { name: string }) => one.name)).toEqual([name])
  }
  const seen: string[] = []
  let marker = ''
  for (;;) {
    const { networks } = ok(
      await demo.network.get(`/networks?sort_key=name&sort_dir=asc&limit=2${marker}`),
    )
    if (networks.length === 0) break
    seen.push(...networks.map((one: { name: string }) => one.name))
    marker = `&marker=${String(networks.at(-1).id)}`
  }
  const whole = ok(await demo.network.get('/networks?sort_key=name&sort_dir=asc')).networks as {
    name: string
  }[] // Neutron's answer
  expect(seen).toEqual(whole.map((one) => one.name))
  expect(new Set(seen).size).toBe(seen.length)
})

it('lets only as many through a quota as it allows, however many ask at once', async () => {
  const admin = await cloud.as('admin')
  const used = ok(await demo.network.get(`/networks?project_id=${demo.projectId}`)).networks
    .length as number // a list's length
  ok(await admin.network.put(`/quotas/${demo.projectId}`, { quota: { network: used + 3 } }))
  const asks = Array.from(
    { length: 12 },
    async (_, at) =>
      (await demo.network.post('/networks', { network: { name: `at-once-${at}` } })).status,
  )
  const answers = await Promise.all(asks)
  expect(answers.filter((status) => status === 201)).toHaveLength(3)
  expect(answers.filter((status) => status === 409)).toHaveLength(9)
})

/** Ids of all that the project has. */
async function everything(): Promise<unknown> {
  const mine = `project_id=${demo.projectId}`
  const [servers, ports, networks, routers, floating, images, keys] = await Promise.all([
    demo.compute.get('/servers'),
    demo.network.get(`/ports?${mine}`),
    demo.network.get(`/networks?${mine}`),
    demo.network.get(`/routers?${mine}`),
    demo.network.get(`/floatingips?${mine}`),
    demo.image.get('/images'),
    demo.compute.get('/os-keypairs'),
  ])
  const ids = (list: readonly { readonly id: string }[]): string[] =>
    list.map(({ id }) => id).toSorted()
  return {
    servers: ids(ok(servers).servers),
    ports: ids(ok(ports).ports),
    networks: ids(ok(networks).networks),
    routers: ids(ok(routers).routers),
    floating: ids(ok(floating).floatingips),
    images: ids(ok(images).images),
    keys: ok(keys).keypairs,
  }
}
