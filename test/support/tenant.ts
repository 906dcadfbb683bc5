import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import { ok, until, type Session } from './session.ts'

/** What a tenant does with the APIs, for tests whose subject is what comes of it. */
export interface ServerWish {
  readonly name: string
  readonly image: string
  readonly networks: readonly {
    readonly uuid?: string
    readonly port?: string
    readonly fixed_ip?: string
  }[]
  readonly flavor?: string
  readonly userData?: string
  readonly securityGroups?: readonly string[]
}

export interface SeenServer {
  readonly id: string
  readonly status: string
  readonly fault?: { readonly message: string }
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string }[]>>
}

/**
 * Serves a page with its own name on port 80, then runs its user data, whose output is its console. `fetch ADDRESS PATH` is
 * there for that: Debian's static busybox crashes in `wget` where there is no libc. The name comes from the file, because
 * the kernel's own is set a moment after the first process has started.
 */
export const SCRIPTED = [
  'sh',
  '-c',
  [
    'mkdir -p /www; cat /etc/hostname > /www/index.html; httpd -p 80 -h /www; echo up',
    'fetch() { printf "GET $2 HTTP/1.0\\r\\nHost: $1\\r\\n\\r\\n" | nc -w 3 $1 80 2>/dev/null | sed "1,/^\\r*$/d"; }',
    'tries=0',
    'until [ -s /tmp/script ] || [ $tries -gt 20 ]; do',
    '  fetch 169.254.169.254 /openstack/latest/user_data > /tmp/script; tries=$((tries + 1)); sleep 0.5',
    'done',
    '. /tmp/script; exec sleep 100000',
  ].join('\n'),
] as const

export async function uploadBusybox(
  session: Session,
  name: string,
  command: readonly string[],
  visibility = 'private',
): Promise<string> {
  const tar = await busyboxImage({ command })
  const image = ok(
    await session.image.post('/images', {
      name,
      container_format: 'docker',
      disk_format: 'raw',
      visibility,
    }),
  )
  const bytes = session.image.with({ 'content-type': 'application/octet-stream' })
  ok(await bytes.send('PUT', `/images/${image.id}/file`, new Uint8Array(tar)))
  return image.id as string // Glance's answer
}

export async function makeNetwork(
  session: Session,
  name: string,
  cidr: string,
): Promise<{ readonly networkId: string; readonly subnetId: string }> {
  const networkId = ok(await session.network.post('/networks', { network: { name } })).network
    .id as string // Neutron's answer
  const subnet = { name, network_id: networkId, cidr, ip_version: 4 }
  const subnetId = ok(await session.network.post('/subnets', { subnet })).subnet.id as string // Neutron's answer
  return { networkId, subnetId }
}

export async function externalNetwork(session: Session): Promise<string> {
  return ok(await session.network.get('/networks?router:external=true')).networks[0].id as string // Neutron's answer
}

/** A router with a leg in the subnet and a gateway to the outside. */
export async function makeRouter(
  session: Session,
  name: string,
  subnetId: string,
): Promise<string> {
  const gateway = { network_id: await externalNetwork(session) }
  const wish = { router: { name, external_gateway_info: gateway } }
  const id = ok(await session.network.post('/routers', wish)).router.id as string // Neutron's answer
  ok(await session.network.put(`/routers/${id}/add_router_interface`, { subnet_id: subnetId }))
  return id
}

export async function createServer(session: Session, wish: ServerWish): Promise<string> {
  const server = {
    name: wish.name,
    imageRef: wish.image,
    flavorRef: await flavorId(session, wish.flavor ?? 'm1.nano'),
    networks: wish.networks,
    ...(wish.userData === undefined
      ? {}
      : { user_data: Buffer.from(wish.userData).toString('base64') }),
    ...(wish.securityGroups === undefined
      ? {}
      : { security_groups: wish.securityGroups.map((name) => ({ name })) }),
  }
  return ok(await session.compute.post('/servers', { server })).server.id as string // Nova's answer
}

/** The server in this status; fails at once when it goes to ERROR instead. */
export async function serverIn(
  session: Session,
  id: string,
  status: string,
  timeoutMs = 60_000,
): Promise<SeenServer> {
  const seen = await until(
    async () => ok(await session.compute.get(`/servers/${id}`)).server as SeenServer, // Nova's answer
    (server) => server.status === status || server.status === 'ERROR',
    { what: `server ${id} to be ${status}`, timeoutMs, everyMs: 100 },
  )
  if (seen.status !== status)
    throw new Error(`server ${id} is ${seen.status}: ${seen.fault?.message ?? 'no reason'}`)
  return seen
}

export async function consoleOf(session: Session, id: string): Promise<string> {
  const answer = ok(
    await session.compute.post(`/servers/${id}/action`, { 'os-getConsoleOutput': {} }),
  )
  return answer.output as string // Nova's answer
}

/** The console once it holds this word. */
export async function consoleWith(
  session: Session,
  id: string,
  word: string,
  timeoutMs = 60_000,
): Promise<string> {
  await serverIn(session, id, 'ACTIVE', timeoutMs) // there is none before: 409
  const options = { what: `«${word}» on the console of ${id}`, timeoutMs, everyMs: 250 }
  const ask = async (): Promise<string> => await consoleOf(session, id)
  return await until(ask, (text) => text.includes(word), options)
}

/** A new floating IP for the server's first port. */
export async function giveFloatingIp(
  session: Session,
  serverId: string,
): Promise<{ readonly id: string; readonly address: string }> {
  const { ports } = ok(await session.network.get(`/ports?device_id=${serverId}`))
  const wish = {
    floating_network_id: await externalNetwork(session),
    port_id: ports[0].id as string,
  } // Neutron's answer
  const { floatingip } = ok(await session.network.post('/floatingips', { floatingip: wish }))
  return { id: floatingip.id as string, address: floatingip.floating_ip_address as string } // Neutron's answer
}

/** Lets everybody in on a TCP port; the rule's id. */
export async function allowTcp(session: Session, group: string, port: number): Promise<string> {
  const groups = ok(
    await session.network.get(`/security-groups?name=${group}&project_id=${session.projectId}`),
  ).security_groups
  const rule = {
    security_group_id: groups[0].id as string,
    direction: 'ingress',
    protocol: 'tcp',
    port_range_min: port,
    port_range_max: port,
  } // Neutron's answer
  return ok(await session.network.post('/security-group-rules', { security_group_rule: rule }))
    .security_group_rule.id as string // Neutron's answer
}

/** The page at an address, or undefined when nobody answers in time. */
export async function pageAt(address: string, timeoutMs = 2_000): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://${address}/`, {
      signal: AbortSignal.timeout(timeoutMs),
      headers: { connection: 'close' },
    })
    return (await answer.text()).trim()
  } catch {
    return undefined
  }
}

export async function reachable(address: string, page: string, timeoutMs = 60_000): Promise<void> {
  const options = { what: `the page «${page}» at ${address}`, timeoutMs, everyMs: 200 }
  await until(
    async () => (await pageAt(address)) ?? null,
    (seen) => seen === page,
    options,
  )
}

/** All of the project's servers; when one stays, says what keeps it. */
export async function deleteServers(session: Session, timeoutMs = 90_000): Promise<void> {
  const left = async (): Promise<readonly SeenServer[]> =>
    ok(await session.compute.get('/servers/detail')).servers as SeenServer[] // Nova's answer
  for (const { id } of await left()) ok(await session.compute.delete(`/servers/${id}`))
  const options = { what: 'every server to be gone', everyMs: 200, timeoutMs }
  await until(left, (seen) => seen.length === 0, options)
}

async function flavorId(session: Session, name: string): Promise<string> {
  const { flavors } = ok(await session.compute.get('/flavors')) as {
    flavors: readonly { readonly id: string; readonly name: string }[]
  } // Nova's answer
  const found = flavors.find((flavor) => flavor.name === name)
  if (found === undefined) throw new Error(`there is no flavor ${name}`)
  return found.id
}
