import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { DockerClient, isDockerError } from '../../src/engines/docker/client.ts'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import { inFlight } from './statistics.ts'

/**
 * The Docker Engine by itself, as somebody would use it who has no cloud: create and start on a user-defined bridge network,
 * over the same thin client that the cloud uses, so that no command line tool's own time counts.
 */
export const COMMAND = ['sleep', '1000000'] as const
export const SOCKET = '/var/run/docker.sock'
const LABEL = 'stackyard.bench'

export class RawDocker {
  readonly client = new DockerClient(SOCKET)
  readonly #tag = randomBytes(2).toString('hex')
  #prepared: Promise<void> | undefined

  get filter(): string {
    return `${LABEL}=${this.#tag}`
  }

  /** A network and an image of its own; the second call does nothing. */
  async prepare(): Promise<void> {
    this.#prepared ??= this.#prepare()
    await this.#prepared
  }

  /** A running container, on the bridge network unless another is named; answers its id. */
  async run(network = this.#name): Promise<string> {
    const { Id } = await this.client.call<{ Id: string }>('POST', '/containers/create', {
      query: { name: `${this.#name}-${randomBytes(4).toString('hex')}` },
      body: {
        Image: `${this.#name}:latest`,
        Labels: { [LABEL]: this.#tag },
        HostConfig: { NetworkMode: network },
      },
    })
    await this.client.send('POST', `/containers/${Id}/start`)
    return Id
  }

  /** One more network, by a driver that keeps the addresses too; answers its name. */
  async network(driver: string): Promise<string> {
    const name = `${this.#name}-${randomBytes(2).toString('hex')}`
    await this.client.send('POST', '/networks/create', {
      body: {
        Name: name,
        Driver: driver,
        IPAM: { Driver: driver },
        CheckDuplicate: true,
        Labels: { [LABEL]: this.#tag },
      },
    })
    return name
  }

  async removeNetwork(name: string): Promise<void> {
    await this.#delete(`/networks/${name}`)
  }

  /** Few at once: Docker may miscount a network's endpoints when many leave it together, and then never removes it. */
  async remove(ids: readonly string[]): Promise<void> {
    await inFlight(2, ids, async (id) => {
      await this.#delete(`/containers/${id}`, { force: true, v: true })
    })
  }

  /** Ids of running containers that carry the label. */
  async labelled(
    filter: string,
  ): Promise<readonly { readonly id: string; readonly name: string }[]> {
    const found = await this.client.call<{ Id: string; Names: string[] }[]>(
      'GET',
      '/containers/json',
      {
        query: { filters: JSON.stringify({ label: [filter] }) },
      },
    )
    return found.map(({ Id, Names }) => ({ id: Id, name: Names[0]?.slice(1) ?? '' }))
  }

  /** Containers, network and image, as far as they were made. */
  async close(): Promise<void> {
    try {
      if (this.#prepared === undefined) return
      await this.#prepared.catch(() => undefined)
      const all = await this.client.call<{ Id: string }[]>('GET', '/containers/json', {
        query: { all: true, filters: JSON.stringify({ label: [this.filter] }) },
      })
      await this.remove(all.map(({ Id }) => Id))
      await this.#delete(`/images/${this.#name}:latest`, { force: true })
      await this.#delete(`/networks/${this.#name}`)
    } finally {
      this.client.close()
    }
  }

  get #name(): string {
    return `stackyard-bench-${this.#tag}`
  }

  async #prepare(): Promise<void> {
    await this.client.send('POST', '/networks/create', {
      body: {
        Name: this.#name,
        Driver: 'bridge',
        CheckDuplicate: true,
        Labels: { [LABEL]: this.#tag },
      },
    })
    // A file of its own: were it the very image the cloud loads, the cloud's cleaning up would take it away.
    const archive = await busyboxImage({
      command: COMMAND,
      files: [{ path: 'etc/bench', content: Buffer.from(this.#tag) }],
    })
    const said = await this.client.open('POST', '/images/load', {
      query: { quiet: true },
      upload: Readable.from([archive]),
    })
    const text = Buffer.concat(await said.toArray()).toString()
    const id = /sha256:[0-9a-f]{64}/.exec(text)?.[0]
    if (id === undefined)
      throw new Error(`the Docker Engine did not name the image it loaded: ${text}`)
    await this.client.send('POST', `/images/${id}/tag`, {
      query: { repo: this.#name, tag: 'latest' },
    })
  }

  async #delete(path: string, query: Record<string, boolean> = {}): Promise<void> {
    await this.client.send('DELETE', path, { query }).catch((error: unknown) => {
      if (!isDockerError(error, 404)) throw error
    })
  }
}
