import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { nextNumber } from '../counters/store.ts'
import type { Keypair, KeypairType } from './schema.ts'
import { md5Fingerprint } from './ssh-key.ts'

interface KeypairRow {
  number: number
  user_id: string
  name: string
  type: KeypairType
  public_key: string
  fingerprint: string
  created_at: string
}

interface Tables {
  compute_keypairs: KeypairRow
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** A key is found by its owner and name; the number is only shown. */
export const keypairMigrations: readonly Migration[] = [
  {
    id: '011-keypairs',
    async up(kysely) {
      await sql`create table compute_keypairs (number integer not null unique, user_id text not null, name text not null,
        type text not null, public_key text not null, fingerprint text not null, created_at text not null,
        primary key (user_id, name))`.execute(kysely)
    },
  },
  {
    id: '012-keypairs-by-fingerprint',
    async up(kysely) {
      await sql`create index compute_keypairs_fingerprint on compute_keypairs (fingerprint)`.execute(
        kysely,
      )
    },
  },
]

/** In order of their names. */
export async function listKeypairs(ctx: Ctx, userId: string): Promise<readonly Keypair[]> {
  const rows = await db(ctx)
    .selectFrom('compute_keypairs')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('name')
    .execute()
  return rows.map(keypairOf)
}

/** Undefined when the user has none of this name. */
export async function findKeypair(
  ctx: Ctx,
  userId: string,
  name: string,
): Promise<Keypair | undefined> {
  const row = await db(ctx)
    .selectFrom('compute_keypairs')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : keypairOf(row)
}

/** Whose keypairs hold this public key, given as its OpenSSH blob. */
export async function usersWithKey(ctx: Ctx, key: Buffer): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('compute_keypairs')
    .select(['user_id', 'public_key'])
    .where('type', '=', 'ssh')
    .where('fingerprint', '=', md5Fingerprint(key))
    .execute()
  // the fingerprint only finds it: two keys may be made to share one
  const same = rows.filter(
    ({ public_key: line }) => line.split(/\s+/)[1] === key.toString('base64'),
  )
  return [...new Set(same.map((row) => row.user_id))]
}

/** For the quota, which counts by user. */
export async function countKeypairs(ctx: Ctx, userId: string): Promise<number> {
  const row = await db(ctx)
    .selectFrom('compute_keypairs')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
  return row.count
}

/** Undefined when the user has one of this name already. */
export async function insertKeypair(
  ctx: Ctx,
  keypair: Omit<Keypair, 'number' | 'createdAt'>,
): Promise<Keypair | undefined> {
  const row = await db(ctx)
    .insertInto('compute_keypairs')
    .values({
      number: await nextNumber(ctx, 'keypair'),
      user_id: keypair.userId,
      name: keypair.name,
      type: keypair.type,
      public_key: keypair.publicKey,
      fingerprint: keypair.fingerprint,
      created_at: ctx.now().toISOString(),
    })
    .onConflict((conflict) => conflict.columns(['user_id', 'name']).doNothing())
    .returningAll()
    .executeTakeFirst()
  return row === undefined ? undefined : keypairOf(row)
}

/** False when there is none. Servers keep the copy they were made with. */
export async function deleteKeypair(ctx: Ctx, userId: string, name: string): Promise<boolean> {
  const gone = await db(ctx)
    .deleteFrom('compute_keypairs')
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst()
  return gone.numDeletedRows > 0n
}

function keypairOf(row: Selectable<KeypairRow>): Keypair {
  return {
    number: row.number,
    userId: row.user_id,
    name: row.name,
    type: row.type,
    publicKey: row.public_key,
    fingerprint: row.fingerprint,
    createdAt: row.created_at,
  }
}
