import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp, type App } from '../../kernel/app/app.ts'
import { openSqlite } from '../../kernel/db/sqlite.ts'
import { createLog } from '../../kernel/log/log.ts'
import { TestClient, type Answer } from '../../kernel/testkit/client.ts'
import { createIdentity, type IdentityDeps } from './index.ts'

/** A running identity service with an admin and a demo user, for this room's tests. */
export interface IdentityApp extends App {
  readonly url: string
  readonly keyFolder: string
  /** Logs in with a password; `scope` as in the API, project `admin` or `demo` by default. */
  login(name: string, scope?: unknown, password?: string): Promise<Answer>
  as(name: string, scope?: unknown, password?: string): Promise<TestClient>
}

export const PASSWORD = 'correct horse'

export async function startIdentity(
  deps: Partial<IdentityDeps> & { readonly policy?: Readonly<Record<string, string>> } = {},
): Promise<IdentityApp> {
  const { policy, ...rest } = deps
  const keyFolder = mkdtempSync(join(tmpdir(), 'identity-keys-'))
  const identity = createIdentity({
    region: 'RegionOne',
    tokenHours: 12,
    keyFolder,
    catalog: [
      { type: 'identity', name: 'keystone', path: '/identity' },
      { type: 'orchestration', name: 'heat', path: '/orchestration/v1/%(project_id)s' },
    ],
    ...rest,
  })
  const app = await createApp({
    db: openSqlite(':memory:'),
    log: createLog('silent'),
    services: [identity.definition],
    authenticate: identity.face.authenticate,
    ...(policy === undefined ? {} : { policyOverrides: policy }),
  })
  await identity.bootstrap(app.ctx(), {
    users: [
      {
        name: 'admin',
        password: PASSWORD,
        projects: { admin: ['admin'], demo: ['admin'] },
        system: ['admin'],
        domain: ['admin'],
      },
      { name: 'demo', password: PASSWORD, projects: { demo: ['member'] } },
    ],
  })
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  const login = async (name: string, scope?: unknown, password = PASSWORD): Promise<Answer> =>
    await new TestClient(url, undefined).post('/identity/v3/auth/tokens', {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name, domain: { id: 'default' }, password } },
        },
        scope: scope ?? {
          project: { name: name === 'admin' ? 'admin' : 'demo', domain: { id: 'default' } },
        },
      },
    })
  return {
    ...app,
    url,
    keyFolder,
    login,
    as: async (name, scope, password) =>
      new TestClient(
        url,
        (await login(name, scope, password)).headers.get('x-subject-token') ?? undefined,
      ),
    async close() {
      await app.close()
      rmSync(keyFolder, { recursive: true, force: true })
    },
  }
}
