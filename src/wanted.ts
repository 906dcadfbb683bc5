import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './kernel/config/config.ts'
import type { Ctx } from './kernel/ctx/ctx.ts'
import type { Db } from './kernel/db/db.ts'
import { openSqlite } from './kernel/db/sqlite.ts'
import { silentLog } from './kernel/log/log.ts'
import { createMetrics } from './kernel/metrics/metrics.ts'
import { Policy } from './kernel/policy/policy.ts'
import { allNetworks } from './services/network/networks/store.ts'
import { allRouters } from './services/network/routers/store.ts'
import { allWorkloads } from './services/workload/store.ts'

/** Ids of everything that the rows of a cloud want on a host, read from outside its process. */
export interface WantedIds {
  readonly networks: readonly string[]
  readonly routers: readonly string[]
  readonly workloads: readonly string[]
}

/** Undefined where there is no database yet. Looks only; the cloud may run meanwhile. */
export async function wantedIds(config: Config): Promise<WantedIds | undefined> {
  const db = await openToLook(config)
  if (db === undefined) return undefined
  try {
    const ctx = lookingCtx(db)
    const ids = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id)
    return {
      networks: ids(await allNetworks(ctx)),
      routers: ids(await allRouters(ctx)),
      workloads: await allWorkloads(ctx),
    }
  } finally {
    await db.close()
  }
}

async function openToLook(config: Config): Promise<Db | undefined> {
  if (config.database.url !== undefined) {
    const { openPostgres } = await import('./kernel/db/postgres.ts')
    return await openPostgres(config.database.url)
  }
  const file = join(config.data, 'stackyard.db')
  return existsSync(file) ? openSqlite(file) : undefined
}

/** Enough of a context to read rows by. */
function lookingCtx(db: Db): Ctx {
  const never = new AbortController().signal
  return {
    requestId: 'req-look',
    who: undefined,
    db,
    log: silentLog(),
    policy: new Policy({}),
    metrics: createMetrics(),
    now: () => new Date(),
    signal: never,
    stopping: never,
    baseUrl: '',
  }
}
