import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { poolPrefix, labels } from '../../src/engines/docker/names.ts'
import { loadConfig } from '../../src/kernel/config/config.ts'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { ok, Session, until } from '../support/session.ts'
import { COMMAND, type RawDocker } from './raw-docker.ts'
import { inFlight } from './statistics.ts'

const driverOf = (data: string): string => basename(data).toLowerCase()

/** A cloud of the bench's own in a process of its own, with an image to start, and quotas that are no part of the test. */
export class BenchCloud {
  readonly data: string
  readonly firstReadyMs: number
  readonly #engines: 'docker' | 'fake'
  #process: CloudProcess
  #prepared: Promise<Prepared> | undefined

  private constructor(engines: 'docker' | 'fake', process: CloudProcess) {
    this.data = process.data
    this.firstReadyMs = process.readyMs
    this.#engines = engines
    this.#process = process
  }

  static async start(engines: 'docker' | 'fake'): Promise<BenchCloud> {
    const data = temporaryData()
    // another cloud of this host may have the usual name
    writeFileSync(join(data, 'stackyard.yaml'), `docker: { networkDriver: ${driverOf(data)} }\n`)
    try {
      return new BenchCloud(
        engines,
        await startCloudProcess({ data, engines, floatingRange: FLOATING_RANGE }),
      )
    } catch (error) {
      await purgeWhatIsThere(data)
      throw error
    }
  }

  get pid(): number {
    return this.#process.pid
  }

  get url(): string {
    return this.#process.url
  }

  /** Name of the driver for Docker's own networks. */
  get driver(): string {
    return driverOf(this.data)
  }

  /** Marks everything that this cloud makes on the host. */
  get tag(): string {
    return readFileSync(join(this.data, 'cloud'), 'utf8').trim()
  }

  get label(): string {
    return `${labels.cloud}=${this.tag}`
  }

  get credentials(): ReturnType<CloudProcess['credentials']> {
    return this.#process.credentials('demo')
  }

  /** Stops and starts again on the same data and port; answers how long the start took. */
  async restart(): Promise<number> {
    await this.#process.stop()
    const port = Number(new URL(this.url).port)
    this.#process = await startCloudProcess({
      data: this.data,
      engines: this.#engines,
      port,
      floatingRange: FLOATING_RANGE,
    })
    return this.#process.readyMs
  }

  async prepared(): Promise<Prepared> {
    this.#prepared ??= this.#prepare()
    return await this.#prepared
  }

  /** Answers the id when the cloud has said 202. */
  async createServer(network?: string): Promise<string> {
    const { session, imageId, flavorId, networkId } = await this.prepared()
    const server = {
      name: `bench-${randomUUID().slice(0, 8)}`,
      imageRef: imageId,
      flavorRef: flavorId,
      networks: [{ uuid: network ?? networkId }],
    }
    const answer = await session.compute.post('/servers', { server })
    const { id } = ok(answer).server
    if (answer.status !== 202) throw new Error(`POST /servers answered ${answer.status}`)
    return String(id)
  }

  async untilActive(id: string, everyMs: number): Promise<void> {
    const { session } = await this.prepared()
    for (;;) {
      const { server } = ok(await session.compute.get(`/servers/${id}`))
      if (server.status === 'ACTIVE') return
      if (server.status === 'ERROR')
        throw new Error(`server ${id} is in ERROR: ${JSON.stringify(server.fault)}`)
      await sleep(everyMs)
    }
  }

  /** Until this many are ACTIVE. Asks for names only, and seldom: the asking costs the cloud CPU time too. */
  async untilAllActive(count: number, everyMs: number): Promise<void> {
    const { session } = await this.prepared()
    const ask = async (status: string): Promise<number> =>
      ok(await session.compute.get(`/servers?status=${status}`)).servers.length
    for (
      const deadline = Date.now() + ALL_ACTIVE_MS;
      (await ask('ACTIVE')) < count;
      await sleep(everyMs)
    ) {
      if (Date.now() < deadline) continue
      throw new Error(
        `${await ask('ACTIVE')} of ${count} servers are ACTIVE, ${await ask('ERROR')} in ERROR`,
      )
    }
  }

  /** Until nothing of them is left. */
  async deleteServers(ids: readonly string[]): Promise<void> {
    const { session } = await this.prepared()
    await inFlight(8, ids, async (id) => ok(await session.compute.delete(`/servers/${id}`)))
    await until(
      async () =>
        ok(await session.compute.get('/servers')).servers as readonly { readonly id: string }[],
      (left) => !left.some(({ id }) => ids.includes(id)),
      { what: 'the servers to be gone', timeoutMs: 120_000, everyMs: 20 },
    )
  }

  /** The cloud makes spare sandboxes when it has nothing better to do; a burst begins when all of them are there. */
  async untilPoolIsFull(raw: RawDocker): Promise<void> {
    const size = loadConfig({ env: {}, flags: { data: this.data } }).engines.sandboxPool
    const spare = async (): Promise<number> =>
      (await raw.labelled(this.label)).filter(({ name }) => name.startsWith(poolPrefix(this.tag)))
        .length
    await until(spare, (count) => count >= size, {
      what: `${size} spare sandboxes`,
      timeoutMs: 60_000,
      everyMs: 50,
    })
  }

  /** The process, all that it made on the host, and its folder. */
  async close(): Promise<void> {
    await this.#process.stop()
    await purgeWhatIsThere(this.data)
  }

  async #prepare(): Promise<Prepared> {
    const admin = await Session.login(this.#process.credentials('admin'))
    const session = await Session.login(this.credentials)
    await liftQuotas(admin, session.projectId)
    const { networks } = ok(await session.network.get('/networks?name=private'))
    const { flavors } = ok(await session.compute.get('/flavors'))
    const smallest = flavors.find(({ name }: { name: string }) => name === 'm1.nano')
    return {
      admin,
      session,
      imageId: await uploadImage(admin),
      networkId: String(networks[0].id),
      flavorId: String(smallest.id),
    }
  }
}

/** Who works with the cloud, and what every server is made of. */
export interface Prepared {
  readonly admin: Session
  readonly session: Session
  readonly imageId: string
  readonly networkId: string
  readonly flavorId: string
}

/** Away from a user's own cloud and from that of the tests on the same host. */
const FLOATING_RANGE = '172.31.251.0/24'
const ALL_ACTIVE_MS = 300_000

async function uploadImage(admin: Session): Promise<string> {
  const image = {
    name: 'bench',
    container_format: 'docker',
    disk_format: 'raw',
    visibility: 'public',
  }
  const { id } = ok(await admin.image.post('/images', image))
  const archive = new Uint8Array(await busyboxImage({ command: COMMAND }))
  const bytes = admin.image.with({ 'content-type': 'application/octet-stream' })
  ok(await bytes.send('PUT', `/images/${String(id)}/file`, archive))
  return String(id)
}

async function liftQuotas(admin: Session, projectId: string): Promise<void> {
  const compute = { instances: -1, cores: -1, ram: -1 }
  ok(await admin.compute.put(`/os-quota-sets/${projectId}`, { quota_set: compute }))
  const network = { network: -1, subnet: -1, port: -1 }
  ok(await admin.network.put(`/quotas/${projectId}`, { quota: network }))
}

/** A cloud that did not get far may not even have its tag. */
async function purgeWhatIsThere(data: string): Promise<void> {
  if (existsSync(join(data, 'cloud'))) await purge(data)
  else rmSync(data, { recursive: true, force: true })
}
