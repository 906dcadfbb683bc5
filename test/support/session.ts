import { TestClient, type Answer } from '../../src/kernel/testkit/client.ts'
import type { Credentials } from './cloud-process.ts'

/** A user of a running cloud: logged in, knows the catalog. */
export class Session {
  readonly token: string
  readonly projectId: string
  readonly userId: string
  readonly #endpoints: ReadonlyMap<string, string>

  private constructor(token: string, body: Token) {
    this.token = token
    this.projectId = body.token.project.id
    this.userId = body.token.user.id
    this.#endpoints = new Map(
      body.token.catalog.map(({ type, endpoints }) => [
        type,
        endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '',
      ]),
    )
  }

  static async login(credentials: Credentials): Promise<Session> {
    const answer = await new TestClient(credentials.authUrl, undefined).post(
      '/auth/tokens',
      passwordAuth(credentials),
    )
    if (answer.status !== 201)
      throw new Error(`login answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return new Session(answer.headers.get('x-subject-token') ?? '', answer.body as Token) // Keystone's answer
  }

  /** A client whose paths begin at the endpoint of the service type. */
  to(type: string, version = ''): TestClient {
    const url = this.#endpoints.get(type)
    if (url === undefined) throw new Error(`the catalog has no ${type}`)
    return new TestClient(url + version, this.token)
  }

  get compute(): TestClient {
    return this.to('compute')
  }

  get network(): TestClient {
    return this.to('network', '/v2.0')
  }

  get image(): TestClient {
    return this.to('image', '/v2')
  }
}

interface Token {
  readonly token: {
    readonly project: { readonly id: string }
    readonly user: { readonly id: string }
    readonly catalog: readonly {
      readonly type: string
      readonly endpoints: readonly { readonly interface: string; readonly url: string }[]
    }[]
  }
}

export function passwordAuth({ username, password, project }: Credentials): unknown {
  const domain = { id: 'default' }
  return {
    auth: {
      identity: { methods: ['password'], password: { user: { name: username, password, domain } } },
      scope: { project: { name: project, domain } },
    },
  }
}

/** The body of a successful answer; throws with the cloud's own words otherwise. */
export function ok(answer: Answer): Answer['body'] {
  if (answer.status >= 400)
    throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body).slice(0, 500)}`)
  return answer.body
}

/** Asks every `everyMs` until `done` says so; throws after `timeoutMs`. */
export async function until<T>(
  ask: () => Promise<T>,
  done: (seen: T) => boolean,
  options: { readonly timeoutMs?: number; readonly everyMs?: number; readonly what: string },
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 60_000)
  for (;;) {
    const seen = await ask()
    if (done(seen)) return seen
    if (Date.now() > deadline)
      throw new Error(
        `waited in vain for ${options.what}; last seen: ${JSON.stringify(seen).slice(0, 1000)}`,
      )
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50))
  }
}
