import { Readable } from 'node:stream'
import type { CloudAccess } from './clouds-yaml.ts'
import { CommandError } from './command.ts'

/**
 * A small client of the cloud's REST APIs: a token for one project, endpoints from the token's catalog. The commands speak the
 * APIs themselves, so that they need no OpenStack client installed.
 */
export class Session {
  readonly #token: string
  readonly #endpoints: ReadonlyMap<string, string>

  private constructor(token: string, endpoints: ReadonlyMap<string, string>) {
    this.#token = token
    this.#endpoints = endpoints
  }

  static async login(access: CloudAccess): Promise<Session> {
    const user = {
      name: access.username,
      password: access.password,
      domain: { name: access.userDomain },
    }
    const scope = { project: { name: access.project, domain: { name: access.projectDomain } } }
    const identity = { methods: ['password'], password: { user } }
    const url = `${access.authUrl.replace(/\/(v3)?\/*$/, '')}/v3/auth/tokens`
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope } }),
    })
    const token = response.headers.get('x-subject-token')
    if (response.status !== 201 || token === null) {
      throw new CommandError(`no token from ${url}: ${await faultOf(response)}`)
    }
    // The shape is Keystone's own, and this code reads three of its fields.
    const body = (await response.json()) as { token: { catalog: CatalogEntry[] } }
    return new Session(token, endpointsOf(body.token.catalog, access.region))
  }

  async get<T>(service: Service, path: string): Promise<T> {
    return await this.#json<T>('GET', service, path)
  }

  async post<T>(service: Service, path: string, body: unknown): Promise<T> {
    return await this.#json<T>('POST', service, path, body)
  }

  async put<T>(service: Service, path: string, body: unknown): Promise<T> {
    return await this.#json<T>('PUT', service, path, body)
  }

  /** «Not there» is success. */
  async remove(service: Service, path: string): Promise<void> {
    const response = await this.#call('DELETE', service, path)
    if (!response.ok && response.status !== 404) await refused('DELETE', path, response)
  }

  async exists(service: Service, path: string): Promise<boolean> {
    const response = await this.#call('GET', service, path)
    await response.body?.cancel()
    if (response.ok || response.status === 404) return response.ok
    return await refused('GET', path, response)
  }

  async upload(service: Service, path: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
    const type = { 'content-type': 'application/octet-stream' }
    const response = await this.#call('PUT', service, path, content, type)
    if (!response.ok) await refused('PUT', path, response)
  }

  /** Sends a stream of unknown length and answers the JSON that comes back. */
  async send<T>(service: Service, path: string, content: Readable, type: string): Promise<T> {
    const body = Readable.toWeb(content) as ReadableStream // Node's own type for the same thing
    const response = await this.#call('POST', service, path, body, { 'content-type': type })
    if (!response.ok) await refused('POST', path, response)
    return (await response.json()) as T // as in `#json`
  }

  /** The answer's body as it comes. */
  async open(service: Service, path: string, signal?: AbortSignal): Promise<Readable> {
    const response = await this.#call('GET', service, path, undefined, {}, signal)
    if (!response.ok || response.body === null) return await refused('GET', path, response)
    return Readable.fromWeb(response.body as never) // as in `send`
  }

  async #json<T>(method: string, service: Service, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const response = await this.#call(method, service, path, text, {
      'content-type': 'application/json',
    })
    if (!response.ok) await refused(method, path, response)
    const answer = await response.text()
    // The caller names the part of the documented answer that it reads; some actions answer nothing.
    return (answer === '' ? undefined : JSON.parse(answer)) as T
  }

  async #call(
    method: string,
    service: Service,
    path: string,
    body?: string | Uint8Array<ArrayBuffer> | ReadableStream,
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const endpoint = this.#endpoints.get(service)
    if (endpoint === undefined) throw new CommandError(`the catalog names no ${service} service`)
    return await fetch(`${endpoint}${VERSION_PATH[service]}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        'x-auth-token': this.#token,
        ...(service === 'container' ? { 'openstack-api-version': 'container latest' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
      ...(signal === undefined ? {} : { signal }),
    })
  }
}

export type Service = 'compute' | 'container' | 'image' | 'network'

// By custom the catalog's URLs of compute and container carry their version, the other two do not.
const VERSION_PATH: Readonly<Record<Service, string>> = {
  compute: '',
  container: '',
  image: '/v2',
  network: '/v2.0',
}

interface CatalogEntry {
  readonly type: string
  readonly endpoints: readonly {
    readonly interface: string
    readonly region: string
    readonly url: string
  }[]
}

function endpointsOf(
  catalog: readonly CatalogEntry[],
  region: string,
): ReadonlyMap<string, string> {
  const found = catalog.flatMap(({ type, endpoints }) =>
    endpoints
      .filter((endpoint) => endpoint.interface === 'public' && endpoint.region === region)
      .map((endpoint): [string, string] => [type, endpoint.url.replace(/\/+$/, '')]),
  )
  return new Map(found)
}

async function refused(method: string, path: string, response: Response): Promise<never> {
  throw new CommandError(`${method} ${path}: ${await faultOf(response)}`)
}

/** The services word their faults differently; each holds one `message` or `detail` somewhere. */
async function faultOf(response: Response): Promise<string> {
  const text = await response.text()
  const quoted = /"(?:message|detail)"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1]
  const message = quoted === undefined ? undefined : String(JSON.parse(quoted))
  return `${response.status} ${
    message ??
    text
      .replaceAll(/<[^>]+>|\s+/g, ' ')
      .trim()
      .slice(0, 300)
  }`
}
