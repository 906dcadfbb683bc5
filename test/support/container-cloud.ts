import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import type { Json, TestClient } from '../../src/kernel/testkit/client.ts'
import { purge, startCloudProcess, temporaryData, type CloudProcess } from './cloud-process.ts'
import { ok, Session, until } from './session.ts'

/** A cloud on real engines with an image `box` (busybox that sleeps), and its user's containers. */
export class ContainerCloud {
  readonly process: CloudProcess
  readonly session: Session
  readonly imageId: string

  private constructor(process: CloudProcess, session: Session, imageId: string) {
    this.process = process
    this.session = session
    this.imageId = imageId
  }

  static async start(): Promise<ContainerCloud> {
    const process = await startCloudProcess({ data: temporaryData() })
    const session = await Session.login(process.credentials('demo'))
    const image = { name: 'box', container_format: 'docker', disk_format: 'raw' }
    const { id } = ok(await session.image.post('/images', image))
    const bytes = await busyboxImage({ command: ['sleep', '100000'] })
    ok(
      await session.image
        .with({ 'content-type': 'application/octet-stream' })
        .send('PUT', `/images/${id}/file`, new Uint8Array(bytes)),
    )
    return new ContainerCloud(process, session, id)
  }

  get data(): string {
    return this.process.data
  }

  /** The container service at a microversion, for this session or another's. */
  at(version = '1.40', session = this.session): TestClient {
    return session.to('container').with({ 'OpenStack-API-Version': `container ${version}` })
  }

  /** Asks for a running `box`, and answers its id at once. */
  async run(
    wish: Readonly<Record<string, unknown>> = {},
    client: TestClient = this.at(),
  ): Promise<string> {
    const body = { image: 'box', image_driver: 'glance', cpu: 0.2, memory: 64, ...wish }
    return String(ok(await client.post('/containers?run=true', body)).uuid)
  }

  async see(id: string, done: (shown: Json) => boolean, what: string): Promise<Json> {
    return await until(async () => ok(await this.at().get(`/containers/${id}`)), done, { what })
  }

  /** Waits until nothing is under way any more either. */
  async reach(id: string, status: string): Promise<Json> {
    const there = (shown: Json): boolean => shown.status === status && shown.task_state === null
    return await this.see(id, there, `${id} ${status}`)
  }

  async execute(id: string, command: string): Promise<Json> {
    const path = `/containers/${id}/execute?command=${encodeURIComponent(command)}`
    return ok(await this.at().post(path))
  }

  /** Stops and deletes it, and waits for the end. */
  async remove(id: string): Promise<void> {
    ok(await this.at().delete(`/containers/${id}?stop=true`))
    await until(
      async () => (await this.at().get(`/containers/${id}`)).status,
      (status) => status === 404,
      { what: `${id} gone` },
    )
  }

  async removeAll(): Promise<void> {
    const { containers } = ok(await this.at().get('/containers'))
    for (const { uuid } of containers) await this.remove(uuid)
  }

  async close(): Promise<void> {
    await this.process.stop()
    await purge(this.data)
  }
}
