import { randomBytes, randomUUID } from 'node:crypto'
import { createLinuxNetwork, purgeLinuxNetwork } from '../../../src/engines/linux/index.ts'
import { run, tryRun } from '../../../src/kernel/exec/run.ts'
import { groupSpec, networkSpec, portSpec } from '../../../src/ports/contract/network-specs.ts'
import type { NetworkPort, PortSpec, SecurityGroupSpec } from '../../../src/ports/network.ts'
import { atMost, once, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, median, range, timed } from '../statistics.ts'

/**
 * The network engine alone, under a cloud tag of its own: one network with many ports that all are members of one group whose
 * rules name it, as a project's default group does.
 */
const PORTS = 500

export const portRows: readonly Row[] = [
  {
    what: `${PORTS} ports: add one`,
    unit: 'ms',
    budget: atMost(15),
    measure: async (stand) => measured((await crowd(stand)).added, 'plugged into one network'),
  },
  {
    what: `${PORTS} ports: full rebuild`,
    unit: 'ms',
    budget: atMost(1000),
    measure: async (stand) =>
      measured((await crowd(stand)).rebuilt, 'all filters of one network written anew'),
  },
  {
    what: `${PORTS} ports: inspection`,
    unit: 'ms',
    budget: atMost(1000),
    measure: async (stand) =>
      measured((await crowd(stand)).inspected, 'one network compared with its wish'),
  },
]

const measured = (ours: readonly number[], what: string): Measured => ({
  ours: median(ours),
  note: `${what}, ${ours.length} times`,
  samples: { ours },
})

interface Crowd {
  readonly added: readonly number[]
  readonly rebuilt: readonly number[]
  readonly inspected: readonly number[]
}

const crowd = once(async (stand: Stand): Promise<Crowd> => {
  const cloud = randomBytes(2).toString('hex')
  const guests = `syb${cloud}`
  const port = createLinuxNetwork({ cloud, log: { debug: () => undefined } })
  try {
    await run('ip', ['netns', 'add', guests])
    return await measureCrowd(port, `/run/netns/${guests}`, stand)
  } finally {
    await port.close()
    await purgeLinuxNetwork(cloud)
    await tryRun('ip', ['netns', 'del', guests])
  }
})

async function measureCrowd(port: NetworkPort, netns: string, stand: Stand): Promise<Crowd> {
  const network = networkSpec(randomUUID(), '10.0.0.0/16')
  const id = randomUUID()
  const groupOf = (count: number): SecurityGroupSpec => defaultGroup(id, count)
  const specs = range(PORTS + 20).map((at) => ({
    spec: portSpec(network.id, addressOf(at), { securityGroups: [groupOf(PORTS)] }),
    at: { netns, ifname: `e${at}` },
  }))
  await port.ensureNetwork(network)
  await inFlight(4, specs.slice(0, PORTS), async ({ spec, at }) => await port.plug(spec, at))
  const added: number[] = []
  for (const { spec, at } of specs.slice(PORTS).slice(0, stand.times(20, 5))) {
    const joined: PortSpec = { ...spec, securityGroups: [groupOf(PORTS + added.length + 1)] }
    added.push((await timed(async () => await port.plug(joined, at))).ms)
  }
  const plugged = specs.slice(0, PORTS)
  const wish = { ...network }
  const rebuilt: number[] = []
  const inspected: number[] = []
  for (const _ of range(stand.times(5, 2))) {
    inspected.push((await timed(async () => await port.inspectNetwork(wish, plugged))).ms)
    await loseFilters(network.id)
    rebuilt.push((await timed(async () => await port.ensureNetwork(wish))).ms)
  }
  return { added, rebuilt, inspected }
}

/** Everything that its members need, and each of them from all. */
const defaultGroup = (id: string, members: number): SecurityGroupSpec => {
  const addresses = range(members).map(addressOf)
  const any = { direction: 'egress', ethertype: 'IPv4' } as const
  const ingress = { direction: 'ingress', ethertype: 'IPv4' } as const
  const rules = [
    any,
    { ...any, ethertype: 'IPv6' } as const,
    { ...ingress, remoteMembers: addresses },
    { ...ingress, protocol: 6, portMin: 22, portMax: 22 },
  ]
  return { ...groupSpec(rules, addresses), id }
}

const addressOf = (at: number): string => `10.0.${Math.floor(at / 250)}.${(at % 250) + 2}`

async function loseFilters(networkId: string): Promise<void> {
  const { stdout } = await tryRun('ip', ['netns', 'list'])
  const digits = networkId.replaceAll('-', '').slice(0, 12)
  const name = stdout.split(/\s+/).find((word) => word.endsWith(`-n-${digits}`)) ?? ''
  await run('nsenter', [`--net=/run/netns/${name}`, 'nft', 'delete table bridge sg'])
}
