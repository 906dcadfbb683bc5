import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { orConflict } from '../not-found.ts'
import { db, type RecordRow } from '../tables.ts'
import { forgetRemembered } from './memory.ts'

/**
 * Small administrative things of which there are tens, not thousands, and which are always read whole: services, endpoints,
 * regions, policies, federation, limits. One table for all; `kind` says what a row is.
 */
export type RecordKind =
  | 'service'
  | 'endpoint'
  | 'region'
  | 'policy'
  | 'policy-association'
  | 'endpoint-group'
  | 'project-endpoint'
  | 'project-endpoint-group'
  | 'identity-provider'
  | 'mapping'
  | 'protocol'
  | 'service-provider'
  | 'consumer'
  | 'request-token'
  | 'access-token'
  | 'registered-limit'
  | 'limit'
  | 'access-rule'
  | 'domain-config'

/** The body is what the API shows, without links. */
export interface StoredRecord {
  readonly id: string
  readonly owner: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface NewRecord extends StoredRecord {
  /** Two records of a kind cannot have the same; `conflict` says so. */
  readonly uniqueKey?: string
}

const fromRow = (row: Pick<RecordRow, 'id' | 'owner' | 'body_json'>): StoredRecord => ({
  id: row.id,
  owner: row.owner,
  body: fromJson(row.body_json),
})

export async function insertRecord(
  ctx: Ctx,
  kind: RecordKind,
  record: NewRecord,
  conflict: () => Error,
): Promise<void> {
  const row = {
    kind,
    id: record.id,
    unique_key: record.uniqueKey ?? null,
    owner: record.owner,
    body_json: toJson(record.body),
    created_at: ctx.now().toISOString(),
  }
  await orConflict(db(ctx).insertInto('identity_records').values(row).execute(), conflict)
  forgetRemembered(ctx)
}

export async function saveRecord(
  ctx: Ctx,
  kind: RecordKind,
  record: NewRecord,
  conflict: () => Error,
): Promise<void> {
  const changes = {
    unique_key: record.uniqueKey ?? null,
    owner: record.owner,
    body_json: toJson(record.body),
  }
  await orConflict(
    db(ctx)
      .updateTable('identity_records')
      .set(changes)
      .where('kind', '=', kind)
      .where('id', '=', record.id)
      .execute(),
    conflict,
  )
  forgetRemembered(ctx)
}

/** Inserts or replaces. */
export async function putRecord(ctx: Ctx, kind: RecordKind, record: StoredRecord): Promise<void> {
  const row = {
    kind,
    id: record.id,
    unique_key: null,
    owner: record.owner,
    body_json: toJson(record.body),
    created_at: ctx.now().toISOString(),
  }
  await db(ctx)
    .insertInto('identity_records')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['kind', 'id']).doUpdateSet({ owner: row.owner, body_json: row.body_json }),
    )
    .execute()
  forgetRemembered(ctx)
}

export async function findRecord(
  ctx: Ctx,
  kind: RecordKind,
  id: string,
): Promise<StoredRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_records')
    .select(['id', 'owner', 'body_json'])
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function listRecords(
  ctx: Ctx,
  kind: RecordKind,
  owner?: string,
): Promise<StoredRecord[]> {
  let query = db(ctx)
    .selectFrom('identity_records')
    .select(['id', 'owner', 'body_json'])
    .where('kind', '=', kind)
  if (owner !== undefined) query = query.where('owner', '=', owner)
  return (await query.orderBy('id').execute()).map(fromRow)
}

/** Several kinds in one query; for the catalog, which every token carries. */
export async function recordsOfKinds<K extends RecordKind>(
  ctx: Ctx,
  kinds: readonly K[],
): Promise<Readonly<Record<K, readonly StoredRecord[]>>> {
  const rows = await db(ctx)
    .selectFrom('identity_records')
    .select(['kind', 'id', 'owner', 'body_json'])
    .where('kind', 'in', kinds)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return Object.fromEntries(
    kinds.map((kind) => [kind, rows.filter((row) => row.kind === kind).map(fromRow)]),
  ) as Record<K, StoredRecord[]> // one entry per kind asked for
}

/** False when there was none. */
export async function removeRecord(ctx: Ctx, kind: RecordKind, id: string): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('identity_records')
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst()
  forgetRemembered(ctx)
  return Number(result.numDeletedRows) > 0
}

export async function removeRecordsOf(ctx: Ctx, kind: RecordKind, owner: string): Promise<void> {
  await db(ctx)
    .deleteFrom('identity_records')
    .where('kind', '=', kind)
    .where('owner', '=', owner)
    .execute()
  forgetRemembered(ctx)
}
