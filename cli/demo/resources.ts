import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { CommandError } from '../command.ts'
import type { Session } from '../session.ts'

/**
 * What the demo makes, found by name before it is made, so that the demo can be run again and again. Each function answers
 * whether the thing was there.
 */
export interface Named {
  readonly id: string
  readonly name: string
}
export interface Found<T> {
  readonly thing: T
  readonly wasThere: boolean
}
export interface Address {
  readonly id: string
  readonly floating_ip_address: string
  readonly description: string
  readonly port_id: string | null
}
export interface Server extends Named {
  readonly status: string
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string }[]>>
  readonly fault?: { readonly message: string }
}

/** Names of everything; also how cleaning up finds it. */
export const NAMES = {
  image: 'demo-web',
  network: 'demo-net',
  subnet: 'demo-subnet',
  router: 'demo-router',
  group: 'demo-web',
  key: 'demo-key',
  server: 'demo-web',
  addressNote: 'stackyard demo',
} as const
export const SUBNET_RANGE = '192.168.77.0/24'

const POLL_MS = 40
const SERVER_LIMIT_MS = 120_000

/** The image whose content is that of the Docker image `source`; one of older content is replaced. */
export async function findImage(session: Session, source: string): Promise<Named | undefined> {
  const { images } = await session.get<{
    images: (Named & { stackyard_demo_source?: string; status: string })[]
  }>('image', `/images?name=${NAMES.image}`)
  const same = images.find(
    (image) => image.stackyard_demo_source === source && image.status === 'active',
  )
  for (const image of images) {
    if (image !== same) await session.remove('image', `/images/${image.id}`)
  }
  return same
}

export async function createImage(session: Session, source: string, file: string): Promise<Named> {
  const image = await session.post<Named>('image', '/images', {
    name: NAMES.image,
    container_format: 'docker',
    disk_format: 'raw',
    stackyard_demo_source: source,
  })
  await session.upload('image', `/images/${image.id}/file`, new Uint8Array(await readFile(file)))
  return image
}

/** Networks, subnets, routers, security groups: a list by name, else a POST. */
export async function ensureNetworkThing(
  session: Session,
  kind: 'network' | 'subnet' | 'router' | 'security_group',
  wish: { readonly name: string } & Readonly<Record<string, unknown>>,
): Promise<Found<Named>> {
  const path = `/${kind.replace('_', '-')}s`
  // The answer's one key is the kind's name, in the plural for a list.
  const list = await session.get<Record<string, Named[]>>('network', `${path}?name=${wish.name}`)
  const there = list[`${kind}s`]?.[0]
  if (there !== undefined) return { thing: there, wasThere: true }
  const made = await session.post<Record<string, Named>>('network', path, { [kind]: wish })
  const thing = made[kind]
  if (thing === undefined) throw new CommandError(`POST ${path} answered no ${kind}`)
  return { thing, wasThere: false }
}

export async function externalNetwork(session: Session): Promise<Named> {
  const path = '/networks?router:external=true'
  const { networks } = await session.get<{ networks: Named[] }>('network', path)
  const network = networks.find(({ name }) => name === 'public') ?? networks[0]
  if (network === undefined)
    throw new CommandError('there is no external network to take a floating IP from')
  return network
}

/** Is the subnet plugged into the router already? */
export async function hasInterface(
  session: Session,
  router: string,
  subnet: string,
): Promise<boolean> {
  const { ports } = await session.get<{ ports: { fixed_ips: { subnet_id: string }[] }[] }>(
    'network',
    `/ports?device_id=${router}`,
  )
  return ports.some((port) => port.fixed_ips.some((ip) => ip.subnet_id === subnet))
}

/** Adds the rules that are missing; answers how many were. */
export async function allowFromAnywhere(
  session: Session,
  group: string,
  rules: readonly Readonly<Record<string, string | number>>[],
): Promise<number> {
  const { security_group_rules: present } = await session.get<{
    security_group_rules: Record<string, unknown>[]
  }>('network', `/security-group-rules?security_group_id=${group}`)
  const missing = rules.filter(
    (rule) =>
      !present.some((known) => Object.entries(rule).every(([key, value]) => known[key] === value)),
  )
  for (const rule of missing) {
    const wish = { security_group_id: group, direction: 'ingress', ethertype: 'IPv4', ...rule }
    await session.post('network', '/security-group-rules', { security_group_rule: wish })
  }
  return missing.length
}

/** A key pair whose private half lies in `file`; one without it is of no use and made anew. */
export async function ensureKeypair(session: Session, file: string): Promise<boolean> {
  const path = `/os-keypairs/${NAMES.key}`
  const isThere = await session.exists('compute', path)
  if (isThere && existsSync(file)) return true
  if (isThere) await session.remove('compute', path)
  const { keypair } = await session.post<{ keypair: { private_key: string } }>(
    'compute',
    '/os-keypairs',
    {
      keypair: { name: NAMES.key },
    },
  )
  await writeFile(file, keypair.private_key, { mode: 0o600 })
  return false
}

export async function smallestFlavor(session: Session): Promise<Named> {
  const { flavors } = await session.get<{ flavors: (Named & { ram: number })[] }>(
    'compute',
    '/flavors/detail',
  )
  const bySize = flavors.toSorted((a, b) => a.ram - b.ram)
  const flavor = bySize.find(({ name }) => name === 'm1.tiny') ?? bySize[0]
  if (flavor === undefined)
    throw new CommandError('the cloud has no flavor that the demo user may use')
  return flavor
}

/** Exactly the servers of the demo's name: the list filter is a regular expression. */
export async function demoServers(session: Session): Promise<Named[]> {
  const path = `/servers?name=${encodeURIComponent(`^${NAMES.server}$`)}`
  const { servers } = await session.get<{ servers: Named[] }>('compute', path)
  return servers.filter(({ name }) => name === NAMES.server)
}

export async function removeServer(session: Session, id: string): Promise<void> {
  await session.remove('compute', `/servers/${id}`)
  await until(`server ${id} is still there`, async () => {
    return (await session.exists('compute', `/servers/${id}`)) ? undefined : true
  })
}

export async function waitForServer(session: Session, id: string): Promise<Server> {
  return await until(`server ${id} did not become ACTIVE`, async () => {
    const { server } = await session.get<{ server: Server }>('compute', `/servers/${id}`)
    if (server.status === 'ERROR') {
      throw new CommandError(
        `the server is in ERROR: ${server.fault?.message ?? 'no reason given'}`,
      )
    }
    return server.status === 'ACTIVE' ? server : undefined
  })
}

/** The console's text, once it holds any. */
export async function consoleLog(session: Session, id: string): Promise<string> {
  return await until('the console stays empty', async () => {
    const action = { 'os-getConsoleOutput': { length: 20 } }
    const { output } = await session.post<{ output: string }>(
      'compute',
      `/servers/${id}/action`,
      action,
    )
    return output.trim() === '' ? undefined : output.trim()
  })
}

/** The demo's floating address; an earlier run's is used again. */
export async function ensureAddress(session: Session, network: string): Promise<Found<Address>> {
  const there = (await demoAddresses(session))[0]
  if (there !== undefined) return { thing: there, wasThere: true }
  const wish = { floating_network_id: network, description: NAMES.addressNote }
  const made = await session.post<{ floatingip: Address }>('network', '/floatingips', {
    floatingip: wish,
  })
  return { thing: made.floatingip, wasThere: false }
}

export async function demoAddresses(session: Session): Promise<Address[]> {
  const { floatingips } = await session.get<{ floatingips: Address[] }>('network', '/floatingips')
  return floatingips.filter(({ description }) => description === NAMES.addressNote)
}

export async function bindAddress(
  session: Session,
  address: string,
  server: string,
): Promise<void> {
  const { ports } = await session.get<{ ports: Named[] }>('network', `/ports?device_id=${server}`)
  const [port] = ports
  if (port === undefined)
    throw new CommandError('the server has no port to give the floating IP to')
  await session.put('network', `/floatingips/${address}`, { floatingip: { port_id: port.id } })
}

/** Repeats `look` until it answers something. */
export async function until<T>(
  failure: string,
  look: () => Promise<T | undefined>,
  limitMs = SERVER_LIMIT_MS,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (Date.now() > deadline) throw new CommandError(`${failure} after ${limitMs / 1000} seconds`)
    await wait(POLL_MS)
  }
}
