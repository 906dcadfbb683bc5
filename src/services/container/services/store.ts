import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** What Zun calls the part that runs containers on a host. */
export const BINARY = 'zun-compute'

export interface ServiceTable {
  number: number
  /** `binary` alone is a reserved word in PostgreSQL. */
  binary_name: string
  host: string
  disabled: number
  disabled_reason: string | null
  forced_down: number
  created_at: string
  updated_at: string | null
}
export type ServiceRow = Selectable<ServiceTable>

interface Tables {
  container_services: ServiceTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const servicesTable: Migration = {
  id: '004-services',
  async up(kysely) {
    await sql`create table container_services (number integer not null primary key, binary_name text not null, host text not null,
      disabled integer not null, disabled_reason text, forced_down integer not null, created_at text not null, updated_at text,
      unique (host, binary_name))`.execute(kysely)
  },
}

/** Registers this host; what the operator said of it stays. One that was deleted while the process runs registers anew. */
export async function ensureService(ctx: Ctx, host: string): Promise<void> {
  const last = await db(ctx)
    .selectFrom('container_services')
    .select((eb) => eb.fn.max<number | null>('number').as('number'))
    .executeTakeFirst()
  await db(ctx)
    .insertInto('container_services')
    .values({
      number: (last?.number ?? 0) + 1,
      binary_name: BINARY,
      host,
      disabled: 0,
      disabled_reason: null,
      forced_down: 0,
      created_at: ctx.now().toISOString(),
      updated_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function listServices(ctx: Ctx): Promise<readonly ServiceRow[]> {
  return await db(ctx).selectFrom('container_services').selectAll().orderBy('number').execute()
}

export async function findService(
  ctx: Ctx,
  host: string,
  binary: string,
): Promise<ServiceRow | undefined> {
  return await db(ctx)
    .selectFrom('container_services')
    .selectAll()
    .where('host', '=', host)
    .where('binary_name', '=', binary)
    .executeTakeFirst()
}

/** False when there is no such service. */
export async function changeService(
  ctx: Ctx,
  host: string,
  binary: string,
  change: Partial<Pick<ServiceTable, 'disabled' | 'disabled_reason' | 'forced_down'>>,
): Promise<boolean> {
  const result = await db(ctx)
    .updateTable('container_services')
    .set({ ...change, updated_at: ctx.now().toISOString() })
    .where('host', '=', host)
    .where('binary_name', '=', binary)
    .executeTakeFirst()
  return Number(result.numUpdatedRows) > 0
}

export async function deleteService(ctx: Ctx, host: string, binary: string): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('container_services')
    .where('host', '=', host)
    .where('binary_name', '=', binary)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}
