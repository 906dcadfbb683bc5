import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { newTenant } from '../support/new-tenant.ts'
import { ok, Session } from '../support/session.ts'
import {
  allowTcp,
  consoleWith,
  createServer,
  deleteServers,
  giveFloatingIp,
  makeNetwork,
  makeRouter,
  pageAt,
  reachable,
  SCRIPTED,
  serverIn,
  uploadBusybox,
} from '../support/tenant.ts'

/** Nobody reaches what he may not: not across projects, be their addresses the same, and not past a security group. */
const CIDR = '10.77.0.0/24'
const SHARED_ADDRESS = '10.77.0.10'
const ONLY_RED = '10.77.0.20'

let cloud: CloudProcess
let data: string
let red: Session
let blue: Session
let image: string

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  const admin = await Session.login(cloud.credentials('admin'))
  image = await uploadBusybox(admin, 'scripted', SCRIPTED, 'public')
  red = await newTenant(cloud, admin, 'red')
  blue = await newTenant(cloud, admin, 'blue')
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
})

describe('two projects with the same range of addresses', () => {
  it('reach their own servers and never the other project’s', async () => {
    const [redNet, blueNet] = await Promise.all([
      makeNetwork(red, 'net', CIDR),
      makeNetwork(blue, 'net', CIDR),
    ])
    const at = (networkId: string, fixed: string): { uuid: string; fixed_ip: string }[] => [
      { uuid: networkId, fixed_ip: fixed },
    ]
    const targets = await Promise.all([
      createServer(red, {
        name: 'red-page',
        image,
        networks: at(redNet.networkId, SHARED_ADDRESS),
      }),
      createServer(blue, {
        name: 'blue-page',
        image,
        networks: at(blueNet.networkId, SHARED_ADDRESS),
      }),
      createServer(red, { name: 'only-red', image, networks: at(redNet.networkId, ONLY_RED) }),
    ])
    await Promise.all(
      targets.map(async (id, at) => await serverIn(at === 1 ? blue : red, id, 'ACTIVE')),
    )
    const userData = probe([SHARED_ADDRESS, ONLY_RED])
    const [redProbe, blueProbe] = await Promise.all([
      createServer(red, {
        name: 'red-probe',
        image,
        networks: [{ uuid: redNet.networkId }],
        userData,
      }),
      createServer(blue, {
        name: 'blue-probe',
        image,
        networks: [{ uuid: blueNet.networkId }],
        userData,
      }),
    ])
    const [seenByRed, seenByBlue] = await Promise.all([
      consoleWith(red, redProbe, 'probed all'),
      consoleWith(blue, blueProbe, 'probed all'),
    ])
    expect(answers(seenByRed)).toEqual({ [SHARED_ADDRESS]: 'red-page', [ONLY_RED]: 'only-red' })
    expect(answers(seenByBlue)).toEqual({ [SHARED_ADDRESS]: 'blue-page', [ONLY_RED]: 'nobody' })
  })

  it('see nothing of each other through the APIs', async () => {
    const servers = ok(await red.compute.get('/servers')).servers as { id: string }[]
    expect((await blue.compute.get(`/servers/${servers[0]?.id ?? ''}`)).status).toBe(404)
    const networks = ok(await red.network.get('/networks?name=net')).networks as { id: string }[]
    expect((await blue.network.get(`/networks/${networks[0]?.id ?? ''}`)).status).toBe(404)
    await Promise.all([deleteServers(red), deleteServers(blue)])
  })
})

describe('a floating IP', () => {
  it('leads to a server only where a rule lets the packets in', async () => {
    const { networkId, subnetId } = await makeNetwork(red, 'behind', '10.78.0.0/24')
    await makeRouter(red, 'door', subnetId)
    const server = await createServer(red, { name: 'shy', image, networks: [{ uuid: networkId }] })
    await serverIn(red, server, 'ACTIVE')
    const { address } = await giveFloatingIp(red, server)
    expect(await pageAt(address)).toBeUndefined()
    const rule = await allowTcp(red, 'default', 80)
    await reachable(address, 'shy')
    ok(await red.network.delete(`/security-group-rules/${rule}`))
    await expect.poll(async () => await pageAt(address, 1_000), { timeout: 15_000 }).toBeUndefined()
    await deleteServers(red)
  })
})

/** A project with one member, made by the admin. */
/** Asks each address for its page, several times, and tells the console what came. */
function probe(addresses: readonly string[]): string {
  const asks = addresses.map((address) => `ask ${address}`)
  return [
    'ask() {',
    '  for try in 1 2 3 4; do page=$(fetch $1 /); [ -n "$page" ] && break; page=nobody; sleep 1; done',
    '  echo "answer $1 $page"',
    '}',
    ...asks,
    'echo probed all',
    '',
  ].join('\n')
}

function answers(console: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...console.matchAll(/^answer (\S+) (\S+)/gm)].map(([, address = '', page = '']) => [
      address,
      page,
    ]),
  )
}
