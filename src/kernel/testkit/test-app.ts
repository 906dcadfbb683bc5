import { createApp, type App } from '../app/app.ts'
import type { Who } from '../ctx/who.ts'
import type { Db } from '../db/db.ts'
import { openSqlite } from '../db/sqlite.ts'
import type { ServiceDefinition } from '../http/service.ts'
import { createLog } from '../log/log.ts'
import { TestClient } from './client.ts'

/** A running set of services without identity: the token is the name of a role below. */
export interface TestApp extends App {
  readonly url: string
  /** A client that sends the token of this person. */
  as(person: Person): TestClient
  /** Waits until every reconciler has settled. */
  settle(): Promise<void>
}

const PROJECT_DEMO = 'd0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0'
const PROJECT_OTHER = 'e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0'
const PROJECT_ADMIN = 'a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0'

const people = {
  admin: who('admin', PROJECT_ADMIN, ['admin', 'manager', 'member', 'reader']),
  demo: who('demo', PROJECT_DEMO, ['member', 'reader']),
  reader: who('reader', PROJECT_DEMO, ['reader']),
  other: who('other', PROJECT_OTHER, ['member', 'reader']),
} as const

export type Person = keyof typeof people
export const projectIdOf = (person: Person): string => people[person].projectId ?? ''

/** A person by what a keypair and a project say. */
export const personIn = (userId: string, projectId: string): Who | undefined =>
  Object.values(people).find((one) => one.userId === userId && one.projectId === projectId)

function who(name: string, projectId: string, roles: readonly string[]): Who {
  return {
    userId: `user-${name}`,
    userName: name,
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId,
    projectName: name,
    projectDomainId: 'default',
    projectDomainName: 'Default',
    system: false,
    roles,
    roleIds: roles,
    methods: ['password'],
    auditIds: ['test'],
    issuedAt: '2026-01-01T00:00:00.000000Z',
    expiresAt: '2099-01-01T00:00:00.000000Z',
  }
}

/** Starts the services on a free port with a fresh database (SQLite in memory unless `db` is given). */
export async function startTestApp(
  services: readonly ServiceDefinition[],
  db: Db = openSqlite(':memory:'),
): Promise<TestApp> {
  const app = await createApp({
    db,
    services,
    log: createLog('silent'),
    backOffMs: () => 5,
    authenticate: async (_ctx, token) => await Promise.resolve(people[token as Person]), // an unknown name gives undefined
  })
  await app.runner.start()
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  return {
    ...app,
    url,
    as: (person) => new TestClient(url, person),
    settle: async () => await app.runner.idle(),
  }
}
