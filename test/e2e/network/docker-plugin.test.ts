import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { portLink } from '../../../src/engines/linux/names.ts'
import { purgeLinuxNetwork } from '../../../src/engines/linux/index.ts'
import { run, tryRun } from '../../../src/kernel/exec/run.ts'
import { busyboxImage } from '../../../src/kernel/testkit/busybox-image.ts'
import { startCloudProcess, temporaryData, type CloudProcess } from '../../support/cloud-process.ts'
import { DockerDaemon } from '../../support/docker-daemon.ts'
import { linksOf, tagOf } from '../../support/host-state.ts'
import { ok, Session, until } from '../../support/session.ts'
import {
  allowTcp,
  createServer,
  makeNetwork,
  makeRouter,
  pageAt,
  reachable,
  SCRIPTED,
  serverIn,
  uploadBusybox,
} from '../../support/tenant.ts'

/** `docker network create -d …` and `docker run --network …`, as anybody types them, against a Docker Engine of its own. */
const DRIVER = 'sytest'

let cloud: CloudProcess
let data: string
let engine: DockerDaemon
let demo: Session
/** Interfaces of the cloud before Docker had a network. */
let before: readonly string[]
const docker = async (...words: string[]): Promise<string> => await engine.docker(...words)

async function startCloud(): Promise<void> {
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
}

beforeAll(async () => {
  data = temporaryData()
  engine = await DockerDaemon.start()
  writeFileSync(
    join(data, 'stackyard.yaml'),
    [
      'network: { sweepSeconds: 2 }',
      `docker: { networkDriver: ${DRIVER} }`,
      `engines: { dockerSocket: ${engine.socket}, sandboxPool: 1 }`,
    ].join('\n'),
  )
  await startCloud()
  before = await settled(async () => await linksOf(data))
  const tar = join(data, 'image.tar')
  writeFileSync(tar, await busyboxImage({ command: ['sleep', '100000'] }))
  const loaded = await docker('load', '-qi', tar)
  await docker('tag', loaded.replace(/^.*ID: /, ''), 'page:1')
})

afterAll(async () => {
  await cloud.stop()
  await engine.remove()
  await purgeLinuxNetwork(tagOf(data))
  rmSync(data, { recursive: true, force: true })
})

const create = async (name: string, ...words: string[]): Promise<string> =>
  await docker('network', 'create', '-d', DRIVER, '--ipam-driver', DRIVER, ...words, name)

/** A process 1 does not hear SIGTERM, and a Docker Engine that stops waits for it. */
const HASTY = ['--stop-timeout', '1']

/** Serves a page with its name on port 80. */
const page = (name: string): string[] => [
  'page:1',
  'sh',
  '-c',
  `mkdir -p /www; echo ${name} > /www/index.html; exec httpd -f -p 80 -h /www`,
]
const startPage = async (name: string, ...words: string[]): Promise<string> =>
  await docker('run', '-d', ...HASTY, '--name', name, ...words, ...page(name))

/** What the container gets from another's port 80. */
const get = async (from: string, address: string): Promise<string> => {
  const script = `printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc -w 3 ${address} 80 | tail -n 1`
  return (await engine.tryDocker('exec', from, 'sh', '-c', script)).stdout.trim()
}
const pings = async (from: string, address: string): Promise<boolean> =>
  (await engine.tryDocker('exec', from, 'ping', '-c', '1', '-W', '2', address)).code === 0
const inspected = async (name: string, format: string): Promise<string> =>
  await docker('inspect', '-f', format, name)
const addressOf = async (name: string, network: string): Promise<string> =>
  await inspected(name, `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`)
const ports = async (
  query = '',
): Promise<{ id: string; name: string; status: string; tags: string[] }[]> =>
  ok(await demo.network.get(`/ports?device_owner=compute:kuryr${query}`)).ports
const remove = async (...names: string[]): Promise<string> => await docker('rm', '-f', ...names)
const removeNetwork = async (...names: string[]): Promise<string> =>
  await docker('network', 'rm', ...names)

describe('plain docker in tenants’ networks', () => {
  it('a network, two containers that find each other by name, and a port of the host', async () => {
    await create('shop', '--subnet', '10.61.0.0/24', '--gateway', '10.61.0.7')
    await startPage('till', '--network', 'shop', '-p', '127.0.0.1:18080:80')
    await docker('run', '-d', ...HASTY, '--name', 'customer', '--network', 'shop', 'page:1')
    expect(await get('customer', 'till')).toBe('till')
    expect(await pings('till', 'customer')).toBe(true)
    expect(await pageAt('127.0.0.1:18080')).toBe('till')
    const routes = await docker('exec', 'customer', 'ip', 'route')
    expect(routes).toContain('default via 10.61.0.7 dev eth0')
    const [subnet] = ok(await demo.network.get('/subnets?cidr=10.61.0.0/24')).subnets
    expect(subnet).toMatchObject({ name: 'kuryr-subnet-10.61.0.0/24', gateway_ip: '10.61.0.7' })
    const list = await ports()
    expect(list.map(({ status }) => status)).toEqual(['ACTIVE', 'ACTIVE'])
    expect(list.flatMap(({ tags }) => tags)).toContain(
      'stackyard.published:127.0.0.1:18080->80/tcp',
    )
  })

  it('restart, stop and start', async () => {
    await docker('restart', '-t', '0', 'till')
    expect(await get('customer', 'till')).toBe('till')
    await docker('stop', '-t', '0', 'till')
    expect(await pageAt('127.0.0.1:18080')).toBeUndefined()
    expect(await ports()).toHaveLength(1)
    await docker('start', 'till')
    expect(await pageAt('127.0.0.1:18080')).toBe('till')
  })

  it('connect and disconnect, with two networks of one prefix beside each other', async () => {
    await create('twin', '--subnet', '10.61.0.0/24', '--gateway', '10.61.0.7')
    await create('side', '--subnet', '10.62.0.0/24')
    await startPage('far', '--network', 'side')
    await docker('network', 'connect', 'side', 'customer')
    expect(await get('customer', await addressOf('far', 'side'))).toBe('far')
    expect(await get('customer', 'till')).toBe('till')
    await docker('restart', '-t', '0', 'customer')
    expect(await get('customer', 'far')).toBe('far')
    const clash = await engine.tryDocker('network', 'connect', 'twin', 'customer')
    expect(clash.stderr).toContain('overlaps')
    // Docker keeps what it could not do among the container's networks, as the refusal says
    await docker('stop', '-t', '0', 'customer')
    await docker('network', 'disconnect', 'twin', 'customer')
    await docker('start', 'customer')
    await docker('network', 'disconnect', 'side', 'customer')
    expect(await get('customer', '10.62.0.2')).toBe('')
    const [same, other] = [await addressOf('till', 'shop'), 'neighbour']
    await startPage(other, '--network', 'twin', '--ip', same)
    expect(await addressOf(other, 'twin')).toBe(same)
    expect(await get('customer', same)).toBe('till')
    await remove('far', other)
    await removeNetwork('twin', 'side')
  })

  it('both families in one port', async () => {
    await create('dual', '--ipv6', '--subnet', '10.63.0.0/24', '--subnet', 'fd00:63::/64')
    await startPage('six', '--network', 'dual')
    await docker('run', '-d', '--name', 'caller', '--network', 'dual', 'page:1')
    const six = await inspected('six', '{{.NetworkSettings.Networks.dual.GlobalIPv6Address}}')
    expect(six).toMatch(/^fd00:63::/)
    expect(await pings('caller', six)).toBe(true)
    expect(await pings('caller', await addressOf('six', 'dual'))).toBe(true)
    await remove('six', 'caller')
    await removeNetwork('dual')
  })

  it('with a tenant’s own server, behind its router, by a floating IP and security groups', async () => {
    const { networkId, subnetId } = await makeNetwork(demo, 'office', '10.64.0.0/24')
    const router = await makeRouter(demo, 'door', subnetId)
    const group = ok(
      await demo.network.post('/security-groups', { security_group: { name: 'web' } }),
    ).security_group
    await allowTcp(demo, 'web', 80)
    const image = await uploadBusybox(demo, 'page', SCRIPTED)
    const server = await createServer(demo, {
      name: 'clerk',
      image,
      networks: [{ uuid: networkId }],
    })
    const { addresses } = await serverIn(demo, server, 'ACTIVE')
    await create('office', '-o', 'neutron.net.name=office', '--ipam-opt', 'neutron.net.name=office')
    const options = ['stackyard.sg=default,web', 'stackyard.floatingip=auto', 'stackyard.dns=desk']
    const [name, ...words] = ['desk', ...options.flatMap((each) => `driver-opt=${each}`)]
    await startPage(
      name,
      '--network',
      ['name=office', ...words.map((word) => `"${word}"`)].join(','),
    )
    expect(await get(name, addresses['office']?.[0]?.addr ?? '')).toBe('clerk')
    const [port] = await ports('&network_id=' + networkId)
    const [floating] = ok(await demo.network.get(`/floatingips?port_id=${port?.id}`)).floatingips
    await reachable(floating.floating_ip_address as string, 'desk')
    await remove(name)
    await removeNetwork('office')
    expect(ok(await demo.network.get('/floatingips')).floatingips).toEqual([])
    expect(ok(await demo.network.get(`/networks/${networkId}`)).network.tags).toEqual([])
    ok(await demo.compute.delete(`/servers/${server}`))
    await until(
      async () => (await demo.compute.get(`/servers/${server}`)).status,
      (status) => status === 404,
      { what: 'the server to be gone' },
    )
    ok(
      await demo.network.put(`/routers/${router}/remove_router_interface`, { subnet_id: subnetId }),
    )
    ok(await demo.network.delete(`/routers/${router}`))
    ok(await demo.network.delete(`/networks/${networkId}`))
    ok(await demo.network.delete(`/security-groups/${group.id}`))
  })

  it('refuses with reasons that say what to do', async () => {
    const refusal = async (...words: string[]): Promise<string> =>
      (await engine.tryDocker(...words)).stderr
    const net = ['network', 'create', '-d', DRIVER, '--ipam-driver', DRIVER]
    expect(await refusal(...net, '-o', 'neutron.net.name=nowhere', 'x')).toContain(
      'nowhere could not be found',
    )
    expect(await refusal(...net, '-o', 'neutron.net.nam=x', 'x')).toContain('no option')
    expect(
      await refusal('run', '--rm', '--network', 'shop', '--ip', '10.61.0.7', 'page:1'),
    ).toContain('gateway')
    expect(await refusal('run', '--rm', '--network', 'shop', '-p', '18080:80', 'page:1')).toContain(
      'already allocated',
    )
    await docker('container', 'prune', '-f')
    expect(await ports()).toHaveLength(2)
  })

  it('a link that is deleted behind our back is there again', async () => {
    const [one] = await ports(`&network_id=${(await shop()).id}`)
    const links = async (): Promise<readonly string[]> =>
      (await linksOf(data)).filter((name) => name.endsWith(portLink(one?.id ?? '')))
    const [found = ''] = await links()
    const [netns = '', link = ''] = found.split('/')
    await run('ip', ['-n', netns, 'link', 'del', 'dev', link])
    await until(
      async () => await get('customer', 'till'),
      (seen) => seen === 'till',
      { what: 'the container to be reached again', timeoutMs: 60_000, everyMs: 500 },
    )
  })

  it('goes on while the cloud is away: what ends ends at once, what begins is refused at once', async () => {
    await docker('run', '-d', '--name', 'short', '--network', 'shop', 'page:1')
    await cloud.kill()
    expect(await get('customer', 'till')).toBe('till')
    const started = performance.now()
    await docker('stop', '-t', '0', 'short')
    const refused = await engine.tryDocker('run', '--rm', '--network', 'shop', 'page:1', 'true')
    expect(refused.stderr).toContain('Stackyard does not run')
    expect(performance.now() - started).toBeLessThan(12_000)
    await startCloud()
    await until(
      async () => (await ports()).length,
      (count) => count === 2,
      { what: 'the port of the stopped container to be gone' },
    )
    await docker('start', 'short')
    expect(await pings('short', 'till')).toBe(true)
    await remove('short')
  })

  it('a cloud killed while containers start and stop leaves nothing half made', async () => {
    const names = Array.from({ length: 6 }, (_, at) => `many${at}`)
    const run = async (name: string): Promise<number> =>
      (await engine.tryDocker('run', '-d', '--name', name, '--network', 'shop', 'page:1')).code
    const starting = Promise.all(names.map(run))
    await sleep(600)
    await cloud.kill()
    await sleep(300)
    await startCloud()
    const codes = await starting
    // a person would try again those that were refused
    const refused = names.filter((_, at) => codes[at] !== 0)
    if (refused.length > 0) await docker('start', ...refused)
    expect(await ports()).toHaveLength(2 + names.length)
    expect(await pings('many0', 'many5')).toBe(true)
    const stopping = Promise.all(names.map(async (name) => await remove(name)))
    await sleep(200)
    await cloud.kill()
    await stopping
    await startCloud()
    const left = async (): Promise<number> => (await ports()).length
    await until(left, (count) => count === 2, { what: 'the ports to be gone' })
  })

  it('knows names by its own resolver, and takes Docker’s own addresses', async () => {
    await create('named', '--subnet', '10.65.0.0/24', '-o', 'neutron.net.shared=false')
    const option = 'name=named,driver-opt=stackyard.dns=till'
    await startPage('counter', '--network', option, '--dns', '169.254.169.254')
    const words = ['run', '--rm', '--network', 'named', '--dns', '169.254.169.254', 'page:1']
    const script = 'nslookup till.openstacklocal'
    expect(await docker(...words, 'sh', '-c', script)).toContain(
      await addressOf('counter', 'named'),
    )
    await remove('counter')
    await removeNetwork('named')
    await docker('network', 'create', '-d', DRIVER, '--subnet', '10.66.0.0/24', 'counted')
    await startPage('one', '--network', 'counted')
    await docker('run', '-d', '--name', 'two', '--network', 'counted', 'page:1')
    expect(await get('two', 'one')).toBe('one')
    await remove('one', 'two')
    await removeNetwork('counted')
  })

  it('a restart of the Docker Engine does not wait for a cloud that is away, and brings back what was to be', async () => {
    await docker('update', '--restart', 'always', 'till')
    await engine.stop()
    const alone = await engine.up()
    await until(
      async () => (await pageAt('127.0.0.1:18080')) ?? '',
      (seen) => seen === 'till',
      { what: 'the restarted container', timeoutMs: 60_000 },
    )
    await docker('update', '--restart', 'no', 'till')
    await cloud.stop()
    await engine.stop()
    const away = await engine.up()
    expect(away).toBeLessThan(Math.max(10_000, 3 * alone))
    await startCloud()
    await docker('start', 'till', 'customer')
    expect(await get('customer', 'till')).toBe('till')
  })

  it('leaves nothing', async () => {
    await remove('till', 'customer')
    await removeNetwork('shop')
    expect(await ports()).toEqual([])
    const names = async (what: string): Promise<string[]> =>
      (ok(await demo.network.get(`/${what}`))[what] as { name: string }[])
        .map(({ name }) => name)
        .filter((name) => /kuryr(?!6?$)/i.test(name))
    expect([
      ...(await names('networks')),
      ...(await names('subnets')),
      ...(await names('subnetpools')),
    ]).toEqual([])
    await until(
      async () => await linksOf(data),
      (links) => isDeepStrictEqual(links, before),
      { what: `the host to have ${before.join(', ')}`, timeoutMs: 30_000 },
    )
    const { stdout } = await tryRun('ip', ['-o', 'link', 'show'])
    expect(stdout).not.toMatch(/\bt_c/)
  })
})

/** What is seen twice in a row. */
async function settled<T>(ask: () => Promise<T>): Promise<T> {
  let last: T | undefined
  const same = async (): Promise<boolean> => {
    const now = await ask()
    const isSame = isDeepStrictEqual(now, last)
    last = now
    return isSame
  }
  await until(same, (isSame) => isSame, { what: 'the host to settle', everyMs: 1000 })
  return await ask()
}

async function shop(): Promise<{ id: string }> {
  const [subnet] = ok(await demo.network.get('/subnets?cidr=10.61.0.0/24')).subnets
  return { id: subnet.network_id as string }
}
