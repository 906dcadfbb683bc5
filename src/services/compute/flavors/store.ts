import { sql, type Kysely, type Selectable } from 'kysely'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Flavor } from './schema.ts'

interface FlavorRow {
  id: string
  name: string
  vcpus: number
  ram_mib: number
  disk_gib: number
  ephemeral_gib: number
  swap_mib: number
  description: string | null
  is_public: number
  disabled: number
  /** A number as text: columns are text and integers only. */
  rxtx_factor: string
  created_at: string
}

interface Tables {
  compute_flavors: FlavorRow
  compute_flavor_specs: { flavor_id: string; key: string; value: string }
  compute_flavor_access: { flavor_id: string; project_id: string }
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** Specs and access are rows of their own so that one can be changed without reading the others. */
export const flavorMigrations: readonly Migration[] = [
  {
    id: '010-flavors',
    async up(kysely) {
      await sql`create table compute_flavors (id text not null primary key, name text not null unique, vcpus integer not null,
        ram_mib integer not null, disk_gib integer not null, ephemeral_gib integer not null, swap_mib integer not null,
        description text, is_public integer not null, disabled integer not null, rxtx_factor text not null,
        created_at text not null)`.execute(kysely)
      await sql`create table compute_flavor_specs (flavor_id text not null, key text not null, value text not null,
        primary key (flavor_id, key))`.execute(kysely)
      await sql`create table compute_flavor_access (flavor_id text not null, project_id text not null,
        primary key (flavor_id, project_id))`.execute(kysely)
      await sql`create index compute_flavor_access_project on compute_flavor_access (project_id)`.execute(
        kysely,
      )
    },
  },
]

/** Which flavors of those the asker may see; `private` and `all` are for admins. */
export type Visibility = 'mine' | 'private' | 'all'

/** Flavors in order of their ids. */
export async function listFlavors(ctx: Ctx, which: Visibility): Promise<readonly Flavor[]> {
  const all = db(ctx).selectFrom('compute_flavors').selectAll().orderBy('id')
  const rows = await (
    which === 'all'
      ? all
      : which === 'private'
        ? all.where('is_public', '=', 0)
        : all.where((eb) =>
            eb.or([
              eb('is_public', '=', 1),
              eb(
                'id',
                'in',
                eb
                  .selectFrom('compute_flavor_access')
                  .select('flavor_id')
                  .where('project_id', '=', ctx.who?.projectId ?? ''),
              ),
            ]),
          )
  ).execute()
  const specs = await specsOf(
    ctx,
    rows.map((row) => row.id),
  )
  return rows.map((row) => flavorOf(row, specs.get(row.id) ?? {}))
}

/** A flavor the asker may see (any, for an admin and for the cloud itself); undefined when there is none. */
export async function findFlavor(ctx: Ctx, flavorId: string): Promise<Flavor | undefined> {
  const row = await db(ctx)
    .selectFrom('compute_flavors')
    .selectAll()
    .where('id', '=', flavorId)
    .executeTakeFirst()
  if (row === undefined || !(await maySee(ctx, row))) return undefined
  const specs = await specsOf(ctx, [flavorId])
  return flavorOf(row, specs.get(flavorId) ?? {})
}

/** As `findFlavor`, but 404 when there is none. */
export async function getFlavor(ctx: Ctx, flavorId: string): Promise<Flavor> {
  const flavor = await findFlavor(ctx, flavorId)
  if (flavor === undefined)
    throw cloudError('notFound', `Flavor ${flavorId.slice(0, 255)} could not be found.`)
  return flavor
}

async function maySee(ctx: Ctx, row: Selectable<FlavorRow>): Promise<boolean> {
  if (row.is_public === 1 || ctx.who === undefined || can(ctx, 'admin')) return true
  return (await listAccess(ctx, row.id)).includes(ctx.who.projectId ?? '')
}

/** 409 when id or name is taken. */
export async function insertFlavor(ctx: Ctx, flavor: Flavor): Promise<void> {
  await inTx(ctx, async (tx) => {
    const made = await db(tx)
      .insertInto('compute_flavors')
      .values(rowOf(flavor, tx.now().toISOString()))
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst()
    if (made === undefined) throw await taken(tx, flavor)
    await setExtraSpecs(tx, flavor.id, flavor.extraSpecs)
  })
}

async function taken(ctx: Ctx, { id, name }: Flavor): Promise<Error> {
  const twin = await db(ctx)
    .selectFrom('compute_flavors')
    .select('id')
    .where('id', '=', id)
    .executeTakeFirst()
  return cloudError(
    'conflict',
    twin === undefined
      ? `Flavor with name ${name} already exists.`
      : `Flavor with ID ${id} already exists.`,
  )
}

/** The description is all of a flavor that may change. */
export async function describeFlavor(
  ctx: Ctx,
  flavorId: string,
  description: string | null,
): Promise<void> {
  await db(ctx)
    .updateTable('compute_flavors')
    .set({ description })
    .where('id', '=', flavorId)
    .execute()
}

/** With all that hangs on it. Servers made with it go on. */
export async function deleteFlavor(ctx: Ctx, flavorId: string): Promise<void> {
  await inTx(ctx, async (tx) => {
    await db(tx).deleteFrom('compute_flavor_specs').where('flavor_id', '=', flavorId).execute()
    await db(tx).deleteFrom('compute_flavor_access').where('flavor_id', '=', flavorId).execute()
    await db(tx).deleteFrom('compute_flavors').where('id', '=', flavorId).execute()
  })
}

/** Adds keys and overwrites those that are there. */
export async function setExtraSpecs(
  ctx: Ctx,
  flavorId: string,
  specs: Readonly<Record<string, string>>,
): Promise<void> {
  const rows = Object.entries(specs).map(([key, value]) => ({ flavor_id: flavorId, key, value }))
  if (rows.length === 0) return
  await db(ctx)
    .insertInto('compute_flavor_specs')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['flavor_id', 'key'])
        .doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
    )
    .execute()
}

/** False when the flavor has no such key. */
export async function deleteExtraSpec(ctx: Ctx, flavorId: string, key: string): Promise<boolean> {
  const gone = await db(ctx)
    .deleteFrom('compute_flavor_specs')
    .where('flavor_id', '=', flavorId)
    .where('key', '=', key)
    .executeTakeFirst()
  return gone.numDeletedRows > 0n
}

/** Projects that may use a private flavor. */
export async function listAccess(ctx: Ctx, flavorId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('compute_flavor_access')
    .select('project_id')
    .where('flavor_id', '=', flavorId)
    .orderBy('project_id')
    .execute()
  return rows.map((row) => row.project_id)
}

/** False when the project has access already. */
export async function addAccess(ctx: Ctx, flavorId: string, projectId: string): Promise<boolean> {
  const added = await db(ctx)
    .insertInto('compute_flavor_access')
    .values({ flavor_id: flavorId, project_id: projectId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return (added.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** False when the project has no access. */
export async function removeAccess(
  ctx: Ctx,
  flavorId: string,
  projectId: string,
): Promise<boolean> {
  const gone = await db(ctx)
    .deleteFrom('compute_flavor_access')
    .where('flavor_id', '=', flavorId)
    .where('project_id', '=', projectId)
    .executeTakeFirst()
  return gone.numDeletedRows > 0n
}

async function specsOf(
  ctx: Ctx,
  flavorIds: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const byFlavor = new Map<string, Record<string, string>>()
  if (flavorIds.length === 0) return byFlavor
  // past a few ids the whole table is cheaper than a long list of parameters
  const all = db(ctx).selectFrom('compute_flavor_specs').selectAll().orderBy('key')
  const rows = await (
    flavorIds.length > 100 ? all : all.where('flavor_id', 'in', flavorIds)
  ).execute()
  for (const { flavor_id: id, key, value } of rows)
    byFlavor.set(id, { ...byFlavor.get(id), [key]: value })
  return byFlavor
}

function rowOf(flavor: Flavor, createdAt: string): FlavorRow {
  return {
    id: flavor.id,
    name: flavor.name,
    vcpus: flavor.vcpus,
    ram_mib: flavor.ramMiB,
    disk_gib: flavor.diskGiB,
    ephemeral_gib: flavor.ephemeralGiB,
    swap_mib: flavor.swapMiB,
    description: flavor.description,
    is_public: flavor.isPublic ? 1 : 0,
    disabled: flavor.disabled ? 1 : 0,
    rxtx_factor: String(flavor.rxtxFactor),
    created_at: createdAt,
  }
}

function flavorOf(
  row: Selectable<FlavorRow>,
  extraSpecs: Readonly<Record<string, string>>,
): Flavor {
  return {
    id: row.id,
    name: row.name,
    vcpus: row.vcpus,
    ramMiB: row.ram_mib,
    diskGiB: row.disk_gib,
    ephemeralGiB: row.ephemeral_gib,
    swapMiB: row.swap_mib,
    description: row.description,
    isPublic: row.is_public === 1,
    disabled: row.disabled === 1,
    rxtxFactor: Number(row.rxtx_factor),
    extraSpecs,
  }
}
