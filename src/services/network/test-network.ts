import {
  projectIdOf,
  startTestApp,
  type Person,
  type TestApp,
} from '../../kernel/testkit/test-app.ts'
import type { Answer, Json } from '../../kernel/testkit/client.ts'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Who } from '../../kernel/ctx/who.ts'
import type { Db } from '../../kernel/db/db.ts'
import type { IdentityFace } from '../identity/face.ts'
import type { FakeNetwork } from '../../engines/fake/network.ts'
import { createFakeDockerPlugin, type FakeDockerPlugin } from '../../engines/fake/docker-plugin.ts'
import { createFakeNetwork } from '../../engines/fake/network.ts'
import { createNetwork, type NetworkDeps, type NetworkService } from './index.ts'

/** The network service on the fake engine, for the tests of this folder. */
export interface TestNetwork extends TestApp {
  readonly engine: FakeNetwork
  readonly plugin: FakeDockerPlugin
  readonly service: NetworkService
  /** Sends a request below /network/v2.0 and answers the body; throws when the status is another. */
  ask(person: Person, method: string, path: string, body?: unknown, status?: number): Promise<Json>
  /** A context as a request of this project would have it. */
  ctxOf(projectId: string, roles?: readonly string[]): Ctx
}

const nobody: IdentityFace = {
  authenticate: async () => await Promise.resolve(undefined),
  whoIn: async () => await Promise.resolve(undefined),
  findProject: async () => await Promise.resolve(undefined),
  findProjectByName: async (_, name) =>
    await Promise.resolve(
      name === 'demo' || name === 'other'
        ? { id: projectIdOf(name), name, domainId: 'default', enabled: true }
        : undefined,
    ),
  findUser: async () => await Promise.resolve(undefined),
}

export async function startTestNetwork(
  db?: Db,
  more: Partial<NetworkDeps> = {},
): Promise<TestNetwork> {
  const engine = createFakeNetwork()
  const plugin = createFakeDockerPlugin()
  const service = createNetwork({
    port: engine,
    identity: nobody,
    host: 'here',
    mtu: 1500,
    forwarders: ['9.9.9.9'],
    dnsDomain: 'openstacklocal',
    docker: { plugin, graceMs: 0 },
    ...more,
  })
  const app = await startTestApp([service.definition], db)
  await service.serveDocker(() => app.ctx())
  return {
    ...app,
    engine,
    plugin,
    service,
    async ask(person, method, path, body, status) {
      const answer = await app.as(person).send(method, `/network/v2.0${path}`, body)
      const expected = status ?? usual(method)
      if (answer.status !== expected)
        throw new Error(`${method} ${path} answered ${answer.status}: ${bodyText(answer)}`)
      return answer.body
    },
    ctxOf: (projectId, roles = ['member', 'reader']) => ({
      ...app.ctx(),
      who: whoOf(projectId, roles),
    }),
  }
}

const usual = (method: string): number => ({ POST: 201, DELETE: 204 })[method] ?? 200
const bodyText = (answer: Answer): string => JSON.stringify(answer.body)

function whoOf(projectId: string, roles: readonly string[]): Who {
  return {
    userId: 'u',
    userName: 'u',
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId,
    projectName: 'p',
    projectDomainId: 'default',
    projectDomainName: 'Default',
    system: false,
    roles,
    roleIds: roles,
    methods: ['password'],
    auditIds: [],
    issuedAt: '',
    expiresAt: '',
  }
}
