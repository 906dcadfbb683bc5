import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { prepared } from '../../../kernel/db/prepared.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { nextNumber } from '../counters/store.ts'
import { ZONE_KEY, type Aggregate } from './schema.ts'

interface Tables {
  compute_aggregates: {
    number: number
    uuid: string
    name: string
    created_at: string
    updated_at: string | null
  }
  compute_aggregate_hosts: { aggregate: number; host: string }
  compute_aggregate_metadata: { aggregate: number; key: string; value: string }
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** The zone is metadata like any other, as in Nova. */
export const aggregateMigrations: readonly Migration[] = [
  {
    id: '014-aggregates',
    async up(kysely) {
      await sql`create table compute_aggregates (number integer not null primary key, uuid text not null, name text not null unique,
        created_at text not null, updated_at text)`.execute(kysely)
      await sql`create table compute_aggregate_hosts (aggregate integer not null, host text not null, primary key (aggregate, host))`.execute(
        kysely,
      )
      await sql`create index compute_aggregate_hosts_host on compute_aggregate_hosts (host)`.execute(
        kysely,
      )
      await sql`create table compute_aggregate_metadata (aggregate integer not null, key text not null, value text not null,
        primary key (aggregate, key))`.execute(kysely)
    },
  },
]

/** All of them, oldest first: there are never many. */
export async function listAggregates(ctx: Ctx): Promise<readonly Aggregate[]> {
  const rows = await db(ctx)
    .selectFrom('compute_aggregates')
    .selectAll()
    .orderBy('number')
    .execute()
  const hosts = await db(ctx)
    .selectFrom('compute_aggregate_hosts')
    .selectAll()
    .orderBy('host')
    .execute()
  const metadata = await db(ctx)
    .selectFrom('compute_aggregate_metadata')
    .selectAll()
    .orderBy('key')
    .execute()
  return rows.map((row) => ({
    number: row.number,
    uuid: row.uuid,
    name: row.name,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    hosts: hosts.filter(({ aggregate }) => aggregate === row.number).map(({ host }) => host),
    metadata: Object.fromEntries(
      metadata
        .filter(({ aggregate }) => aggregate === row.number)
        .map(({ key, value }) => [key, value]),
    ),
  }))
}

/** The path's id is a number as text; anything else is nobody's id. */
export async function getAggregate(ctx: Ctx, id: string): Promise<Aggregate> {
  const aggregate = (await listAggregates(ctx)).find(({ number }) => String(number) === id)
  if (aggregate === undefined)
    throw cloudError('notFound', `Aggregate ${id.slice(0, 255)} could not be found.`)
  return aggregate
}

/** The zones that hosts are in by their aggregates; other hosts are not in the map. */
export async function zonesByAggregate(ctx: Ctx): Promise<ReadonlyMap<string, string>> {
  const rows = await zoneRows(ctx, { key: ZONE_KEY })
  return new Map(rows.map(({ host, value }) => [host, value]))
}

const zoneRows = prepared((query: Kysely<Tables>, { key }: { readonly key: string }) =>
  query
    .selectFrom('compute_aggregate_hosts as h')
    .innerJoin('compute_aggregate_metadata as m', 'm.aggregate', 'h.aggregate')
    .select(['h.host', 'm.value'])
    .where('m.key', '=', key),
)

/** 409 when the name is taken. */
export async function insertAggregate(
  ctx: Ctx,
  name: string,
  metadata: Readonly<Record<string, string>>,
): Promise<Aggregate> {
  return await inTx(ctx, async (tx) => {
    await mustBeFree(tx, name, undefined)
    const number = await nextNumber(tx, 'aggregate')
    const made = await db(tx)
      .insertInto('compute_aggregates')
      .values({
        number,
        uuid: randomUUID(),
        name,
        created_at: tx.now().toISOString(),
        updated_at: null,
      })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning('number')
      .executeTakeFirst()
    if (made === undefined) throw taken(name)
    await writeMetadata(tx, number, metadata)
    return await getAggregate(tx, String(number))
  })
}

/** 409 when another has the name. */
export async function renameAggregate(ctx: Ctx, number: number, name: string): Promise<void> {
  await mustBeFree(ctx, name, number)
  await db(ctx)
    .updateTable('compute_aggregates')
    .set({ name })
    .where('number', '=', number)
    .execute()
}

async function mustBeFree(ctx: Ctx, name: string, except: number | undefined): Promise<void> {
  const twin = await db(ctx)
    .selectFrom('compute_aggregates')
    .select('number')
    .where('name', '=', name)
    .executeTakeFirst()
  if (twin !== undefined && twin.number !== except) throw taken(name)
}

const taken = (name: string): Error => cloudError('conflict', `Aggregate ${name} already exists.`)

/** Sets keys; `null` removes one. */
export async function writeMetadata(
  ctx: Ctx,
  number: number,
  metadata: Readonly<Record<string, string | null>>,
): Promise<void> {
  for (const [key, value] of Object.entries(metadata)) {
    await db(ctx)
      .deleteFrom('compute_aggregate_metadata')
      .where('aggregate', '=', number)
      .where('key', '=', key)
      .execute()
    if (value !== null)
      await db(ctx)
        .insertInto('compute_aggregate_metadata')
        .values({ aggregate: number, key, value })
        .execute()
  }
}

/** Any change sets `updated_at`, that of hosts and metadata too. */
export async function touchAggregate(ctx: Ctx, number: number): Promise<void> {
  await db(ctx)
    .updateTable('compute_aggregates')
    .set({ updated_at: ctx.now().toISOString() })
    .where('number', '=', number)
    .execute()
}

/** The caller has looked that it is not in already. */
export async function addHost(ctx: Ctx, number: number, host: string): Promise<void> {
  await db(ctx).insertInto('compute_aggregate_hosts').values({ aggregate: number, host }).execute()
}

/** Repeating it is success. */
export async function removeHost(ctx: Ctx, number: number, host: string): Promise<void> {
  await db(ctx)
    .deleteFrom('compute_aggregate_hosts')
    .where('aggregate', '=', number)
    .where('host', '=', host)
    .execute()
}

/** The caller has looked that no host is left in it. */
export async function deleteAggregate(ctx: Ctx, number: number): Promise<void> {
  await inTx(ctx, async (tx) => {
    await db(tx).deleteFrom('compute_aggregate_metadata').where('aggregate', '=', number).execute()
    await db(tx).deleteFrom('compute_aggregates').where('number', '=', number).execute()
  })
}
