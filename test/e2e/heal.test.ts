import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDetached, waitUntilGone } from '../../src/kernel/exec/child.ts'
import { run, tryRun } from '../../src/kernel/exec/run.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { onHost, removeContainers, removeNamespaces, type OnHost } from '../support/host-state.ts'
import { ok, Session, until } from '../support/session.ts'
import {
  allowTcp,
  createServer,
  deleteServers,
  giveFloatingIp,
  makeNetwork,
  makeRouter,
  reachable,
  SCRIPTED,
  serverIn,
  uploadBusybox,
} from '../support/tenant.ts'

/** What was taken away behind the cloud's back comes back, and works again for its users, not only in the status. */
const HEALED_WITHIN_MS = 60_000

let cloud: CloudProcess
let data: string
let demo: Session
let image: string
let server: string
let address: string
let before: OnHost

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
  image = await uploadBusybox(demo, 'page', SCRIPTED)
  const { networkId, subnetId } = await makeNetwork(demo, 'net', '10.79.0.0/24')
  await makeRouter(demo, 'door', subnetId)
  await allowTcp(demo, 'default', 80)
  server = await createServer(demo, { name: 'page', image, networks: [{ uuid: networkId }] })
  await serverIn(demo, server, 'ACTIVE')
  address = (await giveFloatingIp(demo, server)).address
  await reachable(address, 'page')
  before = await onHost(data)
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
})

describe('while the cloud runs', () => {
  it('a removed container and its sandbox are made again', async () => {
    expect(await removeContainers(data, server)).toBe(2)
    await healed()
    expect((await onHost(data)).containers.filter((name) => name.includes(server))).toHaveLength(2)
  })

  it.each([
    [
      'the sandbox alone',
      'docker rm -f of the sandbox',
      async () => await run('docker', ['rm', '-f', `sy-${server}-net`]),
    ],
    [
      'networks',
      'ip netns del of network namespaces',
      async () => await removeNamespaces(data, 'n-'),
    ],
    [
      'routers',
      'ip netns del of router namespaces',
      async () => await removeNamespaces(data, 'r-'),
    ],
    [
      'everything',
      'all namespaces and containers',
      async () => [await removeContainers(data), await removeNamespaces(data)],
    ],
  ])('%s: healed after %s', async (_what, _how, breakIt) => {
    await breakIt()
    await healed()
  })

  it('a process that ends by itself leaves its server SHUTOFF, with its output kept', async () => {
    const once = await uploadBusybox(demo, 'once', [
      'sh',
      '-c',
      'echo that was all; sleep 2; exit 3',
    ])
    const { networks } = ok(await demo.network.get('/networks?name=net'))
    const id = await createServer(demo, {
      name: 'once',
      image: once,
      networks: [{ uuid: networks[0].id as string }],
    }) // Neutron's answer
    await serverIn(demo, id, 'SHUTOFF')
    const { output } = ok(
      await demo.compute.post(`/servers/${id}/action`, { 'os-getConsoleOutput': {} }),
    )
    expect(output).toContain('that was all')
    await sleep(3_000) // nobody asked for it to run again, so it must not
    expect((await serverIn(demo, id, 'SHUTOFF')).status).toBe('SHUTOFF')
    ok(await demo.compute.delete(`/servers/${id}`))
    await until(
      async () => (await demo.compute.get(`/servers/${id}`)).status,
      (status) => status === 404,
      { what: 'the ended server to go' },
    )
  })
})

describe('while the cloud is down', () => {
  it('servers run on', async () => {
    await cloud.stop()
    await reachable(address, 'page', 5_000)
    cloud = await startCloudProcess({ data })
    await healed()
  })

  it('what a reboot takes away is there again after the start', async () => {
    await cloud.stop()
    await removeContainers(data)
    await removeNamespaces(data)
    cloud = await startCloudProcess({ data })
    await healed()
  })

  it('a kill -9 with everything gone changes nothing about that', async () => {
    await cloud.kill()
    await removeContainers(data)
    await removeNamespaces(data)
    cloud = await startCloudProcess({ data })
    await healed()
  })
})

// The daemon may be shared with others on this machine: only where the whole machine is ours.
describe.runIf(process.env['STACKYARD_TEST_DOCKERD'] === '1')(
  'when the Docker Engine restarts',
  () => {
    it('everything runs again', async () => {
      await restartDockerd()
      await healed()
    })
  },
)

describe('at the end', () => {
  it('nothing is left but what rows own', async () => {
    await deleteServers(demo)
    await expect.poll(async () => (await onHost(data)).containers, { timeout: 30_000 }).toEqual([])
    expect((await onHost(data)).folders).toEqual([])
  })
})

/**
 * All that was there is there again, and works. A namespace whose name is gone lives on while something holds it, so the page
 * alone would tell nothing: it has to answer after everything has its place again, and to go on answering.
 */
async function healed(): Promise<void> {
  const back = async (): Promise<OnHost> => await onHost(data)
  const whole = (seen: OnHost): boolean => isDeepStrictEqual(seen, before)
  const options = { timeoutMs: HEALED_WITHIN_MS, everyMs: 300 }
  await until(back, whole, { ...options, what: `the host to have ${JSON.stringify(before)}` })
  await reachable(address, 'page', HEALED_WITHIN_MS)
  demo = await Session.login(cloud.credentials('demo'))
  await serverIn(demo, server, 'ACTIVE')
  await sleep(1_500)
  await reachable(address, 'page', 3_000)
}

/** As an upgrade of the package does it: by the init system, or by ending the process and starting it with the same words. */
async function restartDockerd(): Promise<void> {
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['restart', 'docker'], { timeoutMs: 120_000 })
  } else {
    const pid = Number(readFileSync('/var/run/docker.pid', 'utf8'))
    const [command = 'dockerd', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .filter((word) => word !== '')
    process.kill(pid, 'SIGTERM')
    expect(await waitUntilGone(pid, 60_000)).toBe(true)
    await startDetached(command, words, { logFile: join(tmpdir(), 'stackyard-test-dockerd.log') })
  }
  const answers = async (): Promise<number> => (await tryRun('docker', ['version'])).code
  await until(answers, (code) => code === 0, { what: 'dockerd to answer', everyMs: 500 })
}
