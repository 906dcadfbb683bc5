import { randomUUID } from 'node:crypto'
import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { nextNumber } from '../counters/store.ts'

/**
 * The parts of Nova that this process plays on its host, as the operator sees them. A disabled `nova-compute` takes no new
 * servers. A row lives as long as its process says so: one that is deleted while the process runs registers anew.
 */
export const binaries = ['nova-conductor', 'nova-scheduler', 'nova-compute'] as const
/** A name of the list above. */
export type Binary = (typeof binaries)[number]

/** A part of Nova on a host, with what the operator said of it. */
export interface Service {
  readonly number: number
  readonly uuid: string
  readonly binary: Binary
  readonly host: string
  readonly disabled: boolean
  readonly disabledReason: string | null
  readonly forcedDown: boolean
}

interface ServiceRow {
  number: number
  uuid: string
  /** `binary` alone is a reserved word in PostgreSQL. */
  binary_name: Binary
  host: string
  disabled: number
  disabled_reason: string | null
  forced_down: number
  created_at: string
}

interface Tables {
  compute_services: ServiceRow
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** Numbers are ids up to 2.52, UUIDs after. */
export const serviceMigrations: readonly Migration[] = [
  {
    id: '015-services',
    async up(kysely) {
      await sql`create table compute_services (number integer not null primary key, uuid text not null unique, binary_name text not null,
        host text not null, disabled integer not null, disabled_reason text, forced_down integer not null, created_at text not null,
        unique (host, binary_name))`.execute(kysely)
    },
  },
]

/** Registers this host's services; those that are there stay as they are. */
export async function ensureServices(ctx: Ctx, host: string): Promise<void> {
  await inTx(ctx, async (tx) => {
    const present = new Set(
      (await listServices(tx))
        .filter((service) => service.host === host)
        .map((service) => service.binary),
    )
    for (const binary of binaries.filter((name) => !present.has(name))) {
      await db(tx)
        .insertInto('compute_services')
        .values({
          number: await nextNumber(tx, 'service'),
          uuid: randomUUID(),
          binary_name: binary,
          host,
          disabled: 0,
          disabled_reason: null,
          forced_down: 0,
          created_at: tx.now().toISOString(),
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
  })
}

/** Of all hosts, oldest first. */
export async function listServices(ctx: Ctx): Promise<readonly Service[]> {
  return (await db(ctx).selectFrom('compute_services').selectAll().orderBy('number').execute()).map(
    serviceOf,
  )
}

/** The one that decides whether a host takes servers. */
export async function findComputeService(ctx: Ctx, host: string): Promise<Service | undefined> {
  const row = await db(ctx)
    .selectFrom('compute_services')
    .selectAll()
    .where('host', '=', host)
    .where('binary_name', '=', 'nova-compute')
    .executeTakeFirst()
  return row === undefined ? undefined : serviceOf(row)
}

/** Hosts that run servers. */
export async function hostsOf(ctx: Ctx): Promise<readonly string[]> {
  return (await listServices(ctx))
    .filter((service) => service.binary === 'nova-compute')
    .map((service) => service.host)
}

/** May a new server be placed? Not when every host that could take it is disabled or forced down. */
export async function servicesAllowScheduling(ctx: Ctx): Promise<boolean> {
  const hosts = (await listServices(ctx)).filter((service) => service.binary === 'nova-compute')
  return hosts.length === 0 || hosts.some((service) => !service.disabled && !service.forcedDown)
}

/** What the operator may say of a service. */
export interface ServiceChange {
  readonly disabled?: boolean
  readonly disabledReason?: string | null
  readonly forcedDown?: boolean
}

/** Only what the change names. */
export async function updateService(ctx: Ctx, uuid: string, change: ServiceChange): Promise<void> {
  const columns = {
    ...(change.disabled === undefined ? {} : { disabled: change.disabled ? 1 : 0 }),
    ...(change.disabledReason === undefined ? {} : { disabled_reason: change.disabledReason }),
    ...(change.forcedDown === undefined ? {} : { forced_down: change.forcedDown ? 1 : 0 }),
  }
  if (Object.keys(columns).length === 0) return
  await db(ctx).updateTable('compute_services').set(columns).where('uuid', '=', uuid).execute()
}

/** The row only: what runs goes on. */
export async function deleteService(ctx: Ctx, uuid: string): Promise<void> {
  await db(ctx).deleteFrom('compute_services').where('uuid', '=', uuid).execute()
}

function serviceOf(row: Selectable<ServiceRow>): Service {
  return {
    number: row.number,
    uuid: row.uuid,
    binary: row.binary_name,
    host: row.host,
    disabled: row.disabled === 1,
    disabledReason: row.disabled_reason,
    forcedDown: row.forced_down === 1,
  }
}
