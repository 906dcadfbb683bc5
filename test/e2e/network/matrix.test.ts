import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../../support/cloud-process.ts'
import { newTenant } from '../../support/new-tenant.ts'
import { PacketAgent, type Flow, type Protocol } from '../../support/packet-agent.ts'
import { ok, Session } from '../../support/session.ts'
import {
  createServer,
  externalNetwork,
  giveFloatingIp,
  makeNetwork,
  makeRouter,
  serverIn,
  uploadBusybox,
} from '../../support/tenant.ts'

/**
 * Who reaches whom: every way a packet can take, by protocol and family, when a rule allows it, when none does, and when the
 * rule is taken away in the middle of a conversation. Real containers, real packets.
 */
const TCP = 7001
const UDP = 7002
const protocols = ['tcp', 'udp', 'icmp'] as const
const families = [4, 6] as const
type Family = (typeof families)[number]

/** What must happen in a cell: by an allowing rule, without one, and once it is gone. */
const open = { allowed: true, denied: false, removed: false }
const closed = { allowed: false, denied: false, removed: false }
const absent = (why: string): { absent: string } => ({ absent: why })
const FLOATING6 = absent('floating IPs are IPv4')
const PORTS = absent('what is forwarded are ports, and ICMP has none')

type Cell = typeof open | { readonly absent: string }
interface Way {
  readonly cells: Readonly<Record<`${Protocol}${Family}`, Cell>>
  /** Begins where the caller is, ends at whom the rule is about. */
  readonly from: 'guest' | 'host'
  /** Addresses of the open and of the closed target, as the caller says them. */
  to(family: Family, openness: 'open' | 'closed'): string
  port(protocol: 'tcp' | 'udp', openness: 'open' | 'closed'): number
}

const both = (cell: Cell, six: Cell = cell): Way['cells'] => ({
  tcp4: cell,
  udp4: cell,
  icmp4: cell,
  tcp6: six,
  udp6: six,
  icmp6: six,
})
const usual = (protocol: 'tcp' | 'udp'): number => (protocol === 'tcp' ? TCP : UDP)
const forwarded = { open: { tcp: 8001, udp: 8002 }, closed: { tcp: 8003, udp: 8004 } } as const

type Name =
  | 'caller'
  | 'near'
  | 'nearClosed'
  | 'far'
  | 'farClosed'
  | 'lost'
  | 'behind'
  | 'behindClosed'
const at: Record<Name, Record<Family, string>> = {} as never // filled before the first test
const floating: Record<'near' | 'nearClosed' | 'far' | 'farClosed' | 'shared', string> = {} as never // as above

const ways: Readonly<Record<string, Way>> = {
  'the same network': {
    cells: both(open),
    from: 'guest',
    to: (family, openness) => at[openness === 'open' ? 'near' : 'nearClosed'][family],
    port: usual,
  },
  'two networks with a router': {
    cells: both(open),
    from: 'guest',
    to: (family, openness) => at[openness === 'open' ? 'far' : 'farClosed'][family],
    port: usual,
  },
  'two networks without a router': {
    cells: both(closed),
    from: 'guest',
    to: (family) => at.lost[family],
    port: usual,
  },
  'a floating IP, from outside': {
    cells: both(open, FLOATING6),
    from: 'host',
    to: (_family, openness) => floating[openness === 'open' ? 'far' : 'farClosed'],
    port: usual,
  },
  'a floating IP of the own network (hairpin)': {
    cells: both(open, FLOATING6),
    from: 'guest',
    to: (_family, openness) => floating[openness === 'open' ? 'near' : 'nearClosed'],
    port: usual,
  },
  'a forwarded port, from outside': {
    cells: { tcp4: open, udp4: open, icmp4: PORTS, tcp6: FLOATING6, udp6: FLOATING6, icmp6: PORTS },
    from: 'host',
    to: () => floating.shared,
    port: (protocol, openness) => forwarded[openness][protocol],
  },
}

let cloud: CloudProcess
let data: string
let tenant: Session
let group: string
const rules = new Map<string, string>()
const agents: PacketAgent[] = []
let guest: PacketAgent
let host: PacketAgent

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  const admin = await Session.login(cloud.credentials('admin'))
  tenant = await newTenant(cloud, admin, 'matrix')
  const image = await uploadBusybox(tenant, 'idle', ['sleep', '100000'])
  group = await makeGroup('open')
  await makeGroup('closed')
  for (const protocol of protocols)
    for (const family of families) rules.set(`${protocol}${family}`, await allow(protocol, family))
  const [a, b, c] = [await dualNetwork(1), await dualNetwork(2), await dualNetwork(3)]
  await joinByRouter([...a.subnets, ...b.subnets])
  await Promise.all([
    place('caller', image, a.id, 'closed'),
    place('near', image, a.id, 'open'),
    place('nearClosed', image, a.id, 'closed'),
    place('far', image, b.id, 'open'),
    place('farClosed', image, b.id, 'closed'),
    place('lost', image, c.id, 'open'),
    place('behind', image, b.id, 'open'),
    place('behindClosed', image, b.id, 'closed'),
  ])
  await giveAddresses()
  host = PacketAgent.host()
  agents.push(host)
}, 240_000)

afterAll(async () => {
  for (const agent of agents) agent.stop()
  await cloud.stop()
  await purge(data)
})

const servers = new Map<Name, string>()
const portOf = new Map<Name, string>()

async function makeGroup(name: string): Promise<string> {
  const made = await tenant.network.post('/security-groups', { security_group: { name } })
  return ok(made).security_group.id as string // Neutron's answer
}

async function allow(protocol: Protocol, family: Family): Promise<string> {
  const port = protocol === 'tcp' ? TCP : UDP
  const rule = {
    security_group_id: group,
    direction: 'ingress',
    ethertype: `IPv${family}`,
    protocol: protocol === 'icmp' && family === 6 ? 'ipv6-icmp' : protocol,
    ...(protocol === 'icmp' ? {} : { port_range_min: port, port_range_max: port }),
  }
  const made = ok(await tenant.network.post('/security-group-rules', { security_group_rule: rule }))
  return made.security_group_rule.id as string // Neutron's answer
}

async function dualNetwork(number: number): Promise<{ id: string; subnets: string[] }> {
  const { networkId, subnetId } = await makeNetwork(tenant, `net${number}`, `10.90.${number}.0/24`)
  const wish = { network_id: networkId, ip_version: 6, cidr: `fd90:${number}::/64` }
  const six = ok(await tenant.network.post('/subnets', { subnet: wish })).subnet.id as string // Neutron's answer
  return { id: networkId, subnets: [subnetId, six] }
}

async function joinByRouter([first = '', ...more]: readonly string[]): Promise<void> {
  const id = await makeRouter(tenant, 'door', first)
  for (const subnet_id of more)
    ok(await tenant.network.put(`/routers/${id}/add_router_interface`, { subnet_id }))
}

async function place(name: Name, image: string, network: string, rule: string): Promise<void> {
  const wish = { name, image, networks: [{ uuid: network }], securityGroups: [rule] }
  const id = await createServer(tenant, wish)
  await serverIn(tenant, id, 'ACTIVE')
  const [port] = ok(await tenant.network.get(`/ports?device_id=${id}`)).ports
  const addresses = (port.fixed_ips as { ip_address: string }[]).map((each) => each.ip_address)
  at[name] = {
    4: addresses.find((each) => !each.includes(':')) ?? '',
    6: addresses.find((each) => each.includes(':')) ?? '',
  }
  servers.set(name, id)
  portOf.set(name, String(port.id))
  const agent = await PacketAgent.of(id)
  agents.push(agent)
  if (name === 'caller') guest = agent
  await agent.echo('tcp', TCP)
  await agent.echo('udp', UDP)
}

async function giveAddresses(): Promise<void> {
  for (const name of ['near', 'nearClosed', 'far', 'farClosed'] as const)
    floating[name] = (await giveFloatingIp(tenant, servers.get(name) ?? '')).address
  const wish = { floating_network_id: await externalNetwork(tenant) }
  const { floatingip } = ok(await tenant.network.post('/floatingips', { floatingip: wish }))
  floating.shared = String(floatingip.floating_ip_address)
  for (const [openness, name] of [
    ['open', 'behind'],
    ['closed', 'behindClosed'],
  ] as const)
    for (const protocol of ['tcp', 'udp'] as const) {
      const port_forwarding = {
        protocol,
        external_port: forwarded[openness][protocol],
        internal_port: usual(protocol),
        internal_ip_address: at[name][4],
        internal_port_id: portOf.get(name),
      }
      const path = `/floatingips/${String(floatingip.id)}/port_forwardings`
      ok(await tenant.network.post(path, { port_forwarding }))
    }
}

interface Case {
  readonly way: string
  readonly protocol: Protocol
  readonly family: Family
  readonly cell: Cell
}

const cases: readonly Case[] = Object.entries(ways).flatMap(([way, { cells }]) =>
  protocols.flatMap((protocol) =>
    families.map((family) => ({ way, protocol, family, cell: cells[`${protocol}${family}`] })),
  ),
)
const real = cases.filter(({ cell }) => !('absent' in cell))

async function talk(one: Case, openness: 'open' | 'closed'): Promise<Flow> {
  const way = ways[one.way]
  if (way === undefined) throw new Error(one.way)
  const port = one.protocol === 'icmp' ? 0 : way.port(one.protocol, openness)
  const from = way.from === 'host' ? host : guest
  return await from.open(one.protocol, way.to(one.family, openness), port)
}

const nameOf = ({ way, protocol, family }: Case): string => `${way}, ${protocol}, IPv${family}`

/** Long enough for a first packet that a busy machine lost: ARP asks again after a second. */
const PATIENCE_MS = 3_000

describe('the matrix', () => {
  it('has a word for every cell', () => {
    expect(cases).toHaveLength(6 * 3 * 2)
    expect(cases.filter(({ cell }) => 'absent' in cell)).toHaveLength(10)
  })

  it.each(real.map((one) => [nameOf(one), one] as const))(
    'allowed by a rule: %s',
    async (_name, one) => {
      const wanted = 'allowed' in one.cell && one.cell.allowed
      const flow = await talk(one, 'open')
      expect(await flow.answers(wanted ? PATIENCE_MS : 700)).toBe(wanted)
    },
  )

  it('without a rule nothing gets through, wherever it comes from', async () => {
    const flows = await Promise.all(
      real.map(async (one) => [nameOf(one), await talk(one, 'closed')] as const),
    )
    const seen = await Promise.all(
      flows.map(async ([name, flow]) => [name, await flow.answers(1000)] as const),
    )
    expect(seen.filter(([, answered]) => answered)).toEqual([])
  })

  it.each(protocols.flatMap((protocol) => families.map((family) => [protocol, family] as const)))(
    'a rule for %s, IPv%s that goes ends the conversations it allowed, and no others',
    async (protocol, family) => {
      const mine = real.filter(
        (one) => one.protocol === protocol && one.family === family && one.cell === open,
      )
      const other = real.find(
        (one) => one.protocol !== protocol && one.family === family && one.cell === open,
      )
      const flows = await Promise.all(mine.map(async (one) => await talk(one, 'open')))
      const bystander = other === undefined ? undefined : await talk(other, 'open')
      for (const flow of flows) expect(await flow.answers(PATIENCE_MS)).toBe(true)
      expect(await bystander?.answers(PATIENCE_MS)).toBe(true)
      ok(await tenant.network.delete(`/security-group-rules/${rules.get(`${protocol}${family}`)}`))
      await sleep(1500) // the rule is gone from the packets' way soon after the answer
      const after = await Promise.all(flows.map(async (flow) => await flow.answers(1000)))
      expect(after.map((answered, index) => [mine[index]?.way, answered])).toEqual(
        mine.map(({ way }) => [way, false]),
      )
      expect(await bystander?.answers(PATIENCE_MS)).toBe(true)
      rules.set(`${protocol}${family}`, await allow(protocol, family))
    },
  )
})
