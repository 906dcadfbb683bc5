import { rmSync } from 'node:fs'
import {
  createFakeCompute,
  createFakeDockerPlugin,
  createFakeImageStore,
  createFakeNetwork,
  type FakeCompute,
  type FakeDockerPlugin,
} from '../../src/engines/fake/index.ts'
import { startCloud, type Cloud } from '../../src/cloud.ts'
import { loadConfig } from '../../src/kernel/config/config.ts'
import { createLog } from '../../src/kernel/log/log.ts'
import { credentialsOf, temporaryData } from './cloud-process.ts'
import { freshDatabase } from './postgres.ts'
import { Session } from './session.ts'

/**
 * The whole cloud in this process on the fake engine: every service real, database real and fresh. With
 * STACKYARD_TEST_DATABASE_URL that is a new database on this PostgreSQL server, else SQLite.
 */
export interface TestCloud {
  readonly cloud: Cloud
  readonly compute: FakeCompute
  readonly plugin: FakeDockerPlugin
  as(user: 'admin' | 'demo'): Promise<Session>
  /** Waits until every reconciler has settled. */
  settle(): Promise<void>
  close(): Promise<void>
}

export async function startTestCloud(
  options: { readonly databaseUrl?: string; readonly logLevel?: string } = {},
): Promise<TestCloud> {
  const data = temporaryData()
  const server = process.env['STACKYARD_TEST_DATABASE_URL'] ?? ''
  const fresh =
    options.databaseUrl === undefined && server !== '' ? await freshDatabase(server) : undefined
  const config = loadConfig({
    env: {},
    flags: {
      data,
      'listen.port': 0,
      'ssh.port': 0,
      'engines.kind': 'fake',
      'log.level': options.logLevel ?? 'silent',
      'database.url': options.databaseUrl,
    },
  })
  const compute = createFakeCompute()
  const plugin = createFakeDockerPlugin()
  const engines = {
    compute,
    dockerPlugin: plugin,
    network: createFakeNetwork(),
    images: createFakeImageStore(),
    contexts: createFakeImageStore(),
  }
  const cloud = await startCloud(config, createLog(config.log.level), {
    engines,
    backOffMs: () => 5,
  })
  return {
    cloud,
    compute,
    plugin,
    as: async (user) => await Session.login(credentialsOf(data, user)),
    settle: async () => await cloud.app.runner.idle(),
    async close() {
      await cloud.close()
      await fresh?.drop()
      rmSync(data, { recursive: true, force: true })
    },
  }
}
