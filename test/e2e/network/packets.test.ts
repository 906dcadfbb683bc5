import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, tryRun } from '../../../src/kernel/exec/run.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../../support/cloud-process.ts'
import { newTenant } from '../../support/new-tenant.ts'
import { namespaceOf, PacketAgent } from '../../support/packet-agent.ts'
import { ok, Session, until } from '../../support/session.ts'
import {
  createServer,
  giveFloatingIp,
  makeNetwork,
  makeRouter,
  serverIn,
  uploadBusybox,
} from '../../support/tenant.ts'

/** What a network does to packets besides security groups' rules. Real containers, real packets. */
const MTU = 1300
const HEADERS = 28
const UNGUARDED = { port_security_enabled: false, security_groups: [], allowed_address_pairs: [] }
const PAGE = [
  'mkdir -p /www; cat /etc/hostname > /www/index.html; httpd -p 80 -h /www',
  'exec sleep 100000',
].join('; ')

interface Guest {
  readonly id: string
  readonly port: string
  readonly netns: string
  readonly address: string
}

let cloud: CloudProcess
let data: string
let admin: Session
let tenant: Session
let image: string
let router: string
let host: PacketAgent
const agents: PacketAgent[] = []
const nets: { networkId: string; subnetId: string }[] = []
let near: Guest
let neighbour: Guest
let far: Guest

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  admin = await Session.login(cloud.credentials('admin'))
  image = await uploadBusybox(admin, 'page', ['sh', '-c', PAGE], 'public')
  tenant = await newTenant(cloud, admin, 'packets')
  await openGroup()
  for (const number of [1, 2])
    nets.push(await makeNetwork(tenant, `net${number}`, `10.91.${number}.0/24`))
  const [one, two] = [netOf(0), netOf(1)]
  const six = { network_id: one.networkId, ip_version: 6, cidr: 'fd91:1::/64' }
  ok(await tenant.network.post('/subnets', { subnet: six }))
  ok(await tenant.network.put(`/networks/${two.networkId}`, { network: { mtu: MTU } }))
  router = await makeRouter(tenant, 'door', one.subnetId)
  ok(await routerLeg('add', two.subnetId))
  ;[near, neighbour, far] = await Promise.all([
    place(tenant, 'near', one.networkId, ['open']),
    place(tenant, 'neighbour', one.networkId, ['open']),
    place(tenant, 'far', two.networkId, ['open']),
  ])
  host = PacketAgent.host()
  agents.push(host)
}, 120_000)

afterAll(async () => {
  for (const agent of agents) agent.stop()
  await cloud.stop()
  await purge(data)
})

function netOf(index: number): { networkId: string; subnetId: string } {
  const net = nets[index]
  if (net === undefined) throw new Error(`there is no network ${index}`)
  return net
}

async function openGroup(): Promise<void> {
  const wish = { security_group: { name: 'open' } }
  const { security_group: group } = ok(await tenant.network.post('/security-groups', wish))
  for (const ethertype of ['IPv4', 'IPv6']) {
    const rule = { security_group_id: String(group.id), direction: 'ingress', ethertype }
    ok(await tenant.network.post('/security-group-rules', { security_group_rule: rule }))
  }
}

async function place(
  session: Session,
  name: string,
  network: string,
  securityGroups: readonly string[],
  fixed?: string,
): Promise<Guest> {
  const networks = [{ uuid: network, ...(fixed === undefined ? {} : { fixed_ip: fixed }) }]
  const id = await createServer(session, { name, image, networks, securityGroups })
  await serverIn(session, id, 'ACTIVE')
  const [port] = ok(await session.network.get(`/ports?device_id=${id}`)).ports
  const addresses = (port.fixed_ips as { ip_address: string }[]).map((each) => each.ip_address)
  const address = addresses.find((each) => !each.includes(':')) ?? ''
  return { id, port: String(port.id), netns: await namespaceOf(id), address }
}

async function routerLeg(verb: 'add' | 'remove', subnet_id: string) {
  return await tenant.network.put(`/routers/${router}/${verb}_router_interface`, { subnet_id })
}

async function inside(guest: Guest, ...words: string[]): Promise<string> {
  return await run('nsenter', [`--net=${guest.netns}`, ...words])
}

/** Does one of three pings come back? */
async function pings(guest: Guest, to: string, ...more: string[]): Promise<boolean> {
  const words = ['ping', '-n', '-c', '3', '-i', '0.3', '-W', '1', ...more, to]
  const { stdout } = await tryRun('nsenter', [`--net=${guest.netns}`, ...words])
  return /bytes from/.test(stdout)
}

async function becomes(wanted: boolean, guest: Guest, to: string, ...more: string[]) {
  const options = { what: `${to} to answer: ${wanted}`, timeoutMs: 15_000, everyMs: 200 }
  await until(
    async () => await pings(guest, to, ...more),
    (seen) => seen === wanted,
    options,
  )
}

async function change(kind: 'network' | 'port' | 'router', id: string, wish: object) {
  ok(await tenant.network.put(`/${kind}s/${id}`, { [kind]: wish }))
}

describe('a guest that says it is another', () => {
  const six = async (of = neighbour): Promise<string> => {
    const { fixed_ips: all } = ok(await tenant.network.get(`/ports/${of.port}`)).port
    const found = (all as { ip_address: string }[]).find((each) => each.ip_address.includes(':'))
    return found?.ip_address ?? ''
  }
  const asMac = async (): Promise<boolean> => {
    const link = await inside(near, 'ip', '-o', 'link', 'show', 'eth0')
    const own = /link\/ether (\S+)/.exec(link)?.[1] ?? ''
    await inside(near, 'ip', 'link', 'set', 'eth0', 'address', 'fa:16:3e:99:99:99')
    try {
      return await pings(near, neighbour.address)
    } finally {
      await inside(near, 'ip', 'link', 'set', 'eth0', 'address', own)
    }
  }
  const give = async (addresses: readonly string[]): Promise<void> => {
    for (const each of addresses)
      await inside(
        near,
        'ip',
        'addr',
        'replace',
        each,
        'dev',
        'eth0',
        ...(each.includes(':') ? ['nodad'] : []),
      )
  }
  /** Addresses that no pair allows go when the port changes, so they are given again before each look. */
  const seen = async (again: readonly string[]) => {
    await give(again)
    return {
      four: await pings(near, neighbour.address, '-I', '10.91.1.77'),
      other: await pings(near, neighbour.address, '-I', '10.91.1.78'),
      six: await pings(near, await six(), '-I', 'fd91:1::77'),
      mac: await asMac(),
    }
  }
  const untilSeen = async (wanted: object, again: readonly string[]) => {
    const options = { what: JSON.stringify(wanted), timeoutMs: 40_000, everyMs: 200 }
    const same = (now: object): boolean => JSON.stringify(now) === JSON.stringify(wanted)
    await until(async () => await seen(again), same, options)
  }
  const paired = ['10.91.1.77/24', 'fd91:1::77/64']
  const other = ['10.91.1.78/24']

  it('is not heard, but for its allowed address pairs, or without port security', async () => {
    await give(paired)
    expect(await pings(near, neighbour.address)).toBe(true)
    expect(await pings(near, await six(), '-I', await six(near))).toBe(true)
    expect(await seen(other)).toEqual({ four: false, other: false, six: false, mac: false })
    const pairs = [{ ip_address: '10.91.1.77' }, { ip_address: 'fd91:1::77' }]
    await change('port', near.port, { allowed_address_pairs: pairs })
    await untilSeen({ four: true, other: false, six: true, mac: false }, other)
    await change('port', near.port, UNGUARDED)
    await untilSeen({ four: true, other: true, six: true, mac: true }, [...paired, ...other])
  })
})

describe('a network', () => {
  it('gives its MTU to guests, and nothing larger passes whole', async () => {
    expect(await inside(far, 'ip', '-o', 'link', 'show', 'eth0')).toContain(`mtu ${MTU} `)
    const fits = ['-M', 'do', '-s', String(MTU - HEADERS)]
    const large = ['-M', 'do', '-s', String(MTU - HEADERS + 1)]
    await becomes(true, neighbour, far.address, ...fits)
    expect(await pings(neighbour, far.address, ...large)).toBe(false)
  })

  it('stops with its admin state, as do ports and routers', async () => {
    const kinds = [
      ['network', netOf(1).networkId],
      ['port', far.port],
      ['router', router],
    ] as const
    for (const [kind, id] of kinds) {
      await becomes(true, neighbour, far.address)
      await change(kind, id, { admin_state_up: false })
      await becomes(false, neighbour, far.address)
      await change(kind, id, { admin_state_up: true })
    }
    await becomes(true, neighbour, far.address)
  })
})

describe('a router', () => {
  it('speaks for guests with its own address, and with the floating IP of who has one', async () => {
    const { router: seen } = ok(await tenant.network.get(`/routers/${router}`))
    const own = String(seen.external_gateway_info.external_fixed_ips[0].ip_address)
    const gateway = own.replace(/\d+$/, '1')
    const agent = await PacketAgent.of(far.id)
    agents.push(agent)
    await host.echo('udp', 7911)
    expect(await agent.reaches('udp', gateway, 7911, 3000)).toBe(true)
    expect(await host.lastCaller(7911)).toBe(own)
    const { address } = await giveFloatingIp(tenant, far.id)
    const options = { what: `${address} to call`, timeoutMs: 15_000, everyMs: 200 }
    await until(
      async () => {
        await agent.reaches('udp', gateway, 7911)
        return (await host.lastCaller(7911)) ?? ''
      },
      (caller) => caller === address,
      options,
    )
  })

  it('takes extra routes through a guest', async () => {
    await change('port', near.port, UNGUARDED)
    await inside(near, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
    await inside(near, 'ip', 'addr', 'add', '10.200.0.1/32', 'dev', 'lo')
    expect(await pings(far, '10.200.0.1')).toBe(false)
    const routes = [{ destination: '10.200.0.0/24', nexthop: near.address }]
    await change('router', router, { routes })
    await becomes(true, far, '10.200.0.1')
    await change('router', router, { routes: [] })
    await becomes(false, far, '10.200.0.1')
  })

  it('reaches nobody where its leg was taken away', async () => {
    await becomes(true, neighbour, far.address)
    ok(await routerLeg('remove', netOf(0).subnetId))
    await becomes(false, neighbour, far.address)
    ok(await routerLeg('add', netOf(0).subnetId))
    await becomes(true, neighbour, far.address)
  })
})

describe('ten projects with one range and the same addresses', () => {
  const pageFrom = async (guest: Guest, address: string): Promise<string> => {
    const program = `fetch('http://${address}/').then((r) => r.text()).then((t) => console.log(t))`
    return (await inside(guest, process.execPath, '-e', program)).trim()
  }

  it('reach their own neighbours', async () => {
    const numbers = Array.from({ length: 10 }, (_, index) => index)
    const pairs = await Promise.all(
      numbers.map(async (number) => {
        const session = await newTenant(cloud, admin, `same-${number}`)
        const { networkId } = await makeNetwork(session, 'same', '10.92.0.0/24')
        return await Promise.all([
          place(session, `asker-${number}`, networkId, ['default'], '10.92.0.10'),
          place(session, `neighbour-${number}`, networkId, ['default'], '10.92.0.11'),
        ])
      }),
    )
    const pages = await Promise.all(
      pairs.map(async ([asker]) => await pageFrom(asker, '10.92.0.11')),
    )
    expect(pages).toEqual(numbers.map((number) => `neighbour-${number}`))
  })
})
