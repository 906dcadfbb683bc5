import { sql, type ExpressionBuilder, type Kysely, type Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { viewerOf } from '../access.ts'
import type { MemberTable } from '../members/schema.ts'
import type { Image, ImageTable, PropertyTable, TagTable } from './schema.ts'

export interface Tables {
  image_images: ImageTable
  image_properties: PropertyTable
  image_tags: TagTable
  image_members: MemberTable
}

export const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

type Where = ExpressionBuilder<Tables, 'image_images'>

/** Rows the project may look at by id: its own, everybody's, and those it was invited to, whatever it answered. */
export const mayLook = (project: string) => (eb: Where) =>
  eb.or([
    eb('visibility', 'in', ['public', 'community']),
    eb('owner', '=', project),
    eb.and([eb('visibility', '=', 'shared'), isMember(eb, project)]),
  ])

export function isMember(eb: Where, project: string, status?: MemberTable['status']) {
  const rows = eb
    .selectFrom('image_members')
    .select('image_members.member')
    .whereRef('image_members.image_id', '=', 'image_images.id')
    .where('image_members.member', '=', project)
  return eb.exists(status === undefined ? rows : rows.where('image_members.status', '=', status))
}

/** An image the asker may see; undefined when there is none. */
export async function findImage(ctx: Ctx, id: string): Promise<Image | undefined> {
  return await findImageFor(ctx, id, viewerOf(ctx))
}

/** An image as a project sees it; without one, as the cloud does. */
export async function findImageFor(
  ctx: Ctx,
  id: string,
  viewer: string | undefined,
): Promise<Image | undefined> {
  if (viewer === '') return undefined
  let query = db(ctx).selectFrom('image_images').selectAll().where('id', '=', id)
  if (viewer !== undefined) query = query.where(mayLook(viewer))
  const row = await query.executeTakeFirst()
  return row === undefined ? undefined : (await withDetails(ctx, [row]))[0]
}

export async function getImage(ctx: Ctx, id: string): Promise<Image> {
  const image = await findImage(ctx, id)
  if (image === undefined) throw noSuchImage(id)
  return image
}

export function noSuchImage(id: string): Error {
  return cloudError('notFound', `Failed to find image ${id.slice(0, 80)}.`)
}

export async function findImageByName(
  ctx: Ctx,
  owner: string,
  name: string,
): Promise<ImageTable | undefined> {
  return await db(ctx)
    .selectFrom('image_images')
    .selectAll()
    .where('owner', '=', owner)
    .where('name', '=', name)
    .orderBy('created_at')
    .executeTakeFirst()
}

/** Properties and tags of all rows in two queries. */
export async function withDetails(ctx: Ctx, rows: readonly ImageTable[]): Promise<Image[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const properties = await db(ctx)
    .selectFrom('image_properties')
    .selectAll()
    .where('image_id', 'in', ids)
    .orderBy('name')
    .execute()
  const tags = await db(ctx)
    .selectFrom('image_tags')
    .selectAll()
    .where('image_id', 'in', ids)
    .orderBy('tag')
    .execute()
  const propertiesOf = Map.groupBy(properties, (property) => property.image_id)
  const tagsOf = Map.groupBy(tags, (tag) => tag.image_id)
  return rows.map((row) => ({
    ...row,
    properties: Object.fromEntries(
      (propertiesOf.get(row.id) ?? []).map(({ name, value }) => [name, value]),
    ),
    tags: (tagsOf.get(row.id) ?? []).map(({ tag }) => tag),
  }))
}

/** 409 when the id is taken, whoever has it. */
export async function insertImage(ctx: Ctx, image: Image): Promise<void> {
  const { properties, tags, ...row } = image
  await inTx(ctx, async (tx) => {
    const result = await db(tx)
      .insertInto('image_images')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (Number(result.numInsertedOrUpdatedRows) === 0)
      throw cloudError('conflict', `Image ID ${image.id} already exists!`)
    await putProperties(tx, image.id, properties)
    await addTags(tx, image.id, tags)
  })
}

async function putProperties(
  tx: Ctx,
  imageId: string,
  properties: Readonly<Record<string, string>>,
): Promise<void> {
  const rows = Object.entries(properties).map(([name, value]) => ({
    image_id: imageId,
    name,
    value,
  }))
  if (rows.length === 0) return
  await db(tx)
    .insertInto('image_properties')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['image_id', 'name']).doUpdateSet({ value: sql<string>`excluded.value` }),
    )
    .execute()
}

export async function addTags(tx: Ctx, imageId: string, tags: readonly string[]): Promise<void> {
  if (tags.length === 0) return
  await db(tx)
    .insertInto('image_tags')
    .values(tags.map((tag) => ({ image_id: imageId, tag })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function removeTag(ctx: Ctx, imageId: string, tag: string): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('image_tags')
    .where('image_id', '=', imageId)
    .where('tag', '=', tag)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}

/** What a change touches, and nothing else: two changes at once to different attributes both hold. */
export interface ImageChange {
  readonly columns: Updateable<ImageTable>
  /** Null removes. */
  readonly properties: Readonly<Record<string, string | null>>
  readonly tags?: readonly string[]
}

/** False when the image is gone. */
export async function changeImage(ctx: Ctx, id: string, change: ImageChange): Promise<boolean> {
  return await inTx(ctx, async (tx) => {
    const updated = await updateImage(tx, id, change.columns)
    if (!updated) return false
    const entries = Object.entries(change.properties)
    const gone = entries.filter(([, value]) => value === null).map(([name]) => name)
    if (gone.length > 0)
      await db(tx)
        .deleteFrom('image_properties')
        .where('image_id', '=', id)
        .where('name', 'in', gone)
        .execute()
    await putProperties(
      tx,
      id,
      Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null)),
    )
    if (change.tags !== undefined) {
      await db(tx).deleteFrom('image_tags').where('image_id', '=', id).execute()
      await addTags(tx, id, change.tags)
    }
    return true
  })
}

/** Sets columns if the image is there and, where given, has one of these statuses and this blob. */
export async function updateImage(
  ctx: Ctx,
  id: string,
  columns: Updateable<ImageTable>,
  only: {
    readonly status?: readonly ImageTable['status'][]
    readonly blob?: string
    readonly staged?: string
  } = {},
): Promise<boolean> {
  let query = db(ctx)
    .updateTable('image_images')
    .set({ updated_at: ctx.now().toISOString(), ...columns })
    .where('id', '=', id)
  if (only.status !== undefined) query = query.where('status', 'in', only.status)
  if (only.blob !== undefined) query = query.where('blob', '=', only.blob)
  if (only.staged !== undefined) query = query.where('staged', '=', only.staged)
  return Number((await query.executeTakeFirst()).numUpdatedRows) > 0
}

/** The deleted row, so that its bytes can go too. */
export async function removeImage(ctx: Ctx, id: string): Promise<ImageTable | undefined> {
  return await db(ctx)
    .deleteFrom('image_images')
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
}

export interface Usage {
  readonly images: number
  /** Stored and staged. */
  readonly bytes: number
  readonly stagedBytes: number
  readonly uploading: number
}

/** What a project's images take, for its quota. */
export async function usageOf(ctx: Ctx, owner: string): Promise<Usage> {
  return await db(ctx)
    .selectFrom('image_images')
    .select((eb) => [
      eb.fn.countAll<number>().as('images'),
      sql<number>`coalesce(sum(coalesce(size, 0) + coalesce(staged_size, 0)), 0)`.as('bytes'),
      sql<number>`coalesce(sum(staged_size), 0)`.as('stagedBytes'),
      sql<number>`coalesce(sum(case when status in ('saving', 'uploading', 'importing') then 1 else 0 end), 0)`.as(
        'uploading',
      ),
    ])
    .where('owner', '=', owner)
    .executeTakeFirstOrThrow()
}
