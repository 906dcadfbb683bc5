import type { Kysely, Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import { viewerOf } from '../access.ts'
import type {
  AssociationTable,
  DefinitionKind,
  DefinitionTable,
  NamespaceTable,
  ResourceTypeTable,
} from './schema.ts'

interface Tables {
  image_namespaces: NamespaceTable
  image_definitions: DefinitionTable
  image_resource_types: ResourceTypeTable
  image_resource_associations: AssociationTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** Public namespaces and the project's own; all for admins. */
export async function listNamespaces(ctx: Ctx): Promise<NamespaceTable[]> {
  const viewer = viewerOf(ctx)
  const query = db(ctx).selectFrom('image_namespaces').selectAll()
  return await (
    viewer === undefined
      ? query
      : query.where((eb) => eb.or([eb('visibility', '=', 'public'), eb('owner', '=', viewer)]))
  ).execute()
}

export async function findNamespace(
  ctx: Ctx,
  namespace: string,
): Promise<NamespaceTable | undefined> {
  const viewer = viewerOf(ctx)
  const query = db(ctx)
    .selectFrom('image_namespaces')
    .selectAll()
    .where('namespace', '=', namespace)
  return await (
    viewer === undefined
      ? query
      : query.where((eb) => eb.or([eb('visibility', '=', 'public'), eb('owner', '=', viewer)]))
  ).executeTakeFirst()
}

/** False when the name is taken. */
export async function insertNamespace(ctx: Ctx, row: NamespaceTable): Promise<boolean> {
  const result = await db(ctx)
    .insertInto('image_namespaces')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows) > 0
}

export async function namespaceExists(ctx: Ctx, namespace: string): Promise<boolean> {
  return (
    (await db(ctx)
      .selectFrom('image_namespaces')
      .select('namespace')
      .where('namespace', '=', namespace)
      .executeTakeFirst()) !== undefined
  )
}

export async function updateNamespace(
  ctx: Ctx,
  namespace: string,
  columns: Updateable<NamespaceTable>,
): Promise<void> {
  await db(ctx)
    .updateTable('image_namespaces')
    .set({ ...columns, updated_at: ctx.now().toISOString() })
    .where('namespace', '=', namespace)
    .execute()
}

export async function removeNamespace(ctx: Ctx, namespace: string): Promise<void> {
  await db(ctx).deleteFrom('image_namespaces').where('namespace', '=', namespace).execute()
}

export async function listDefinitions(
  ctx: Ctx,
  namespace: string,
  kind?: DefinitionKind,
): Promise<DefinitionTable[]> {
  const query = db(ctx)
    .selectFrom('image_definitions')
    .selectAll()
    .where('namespace', '=', namespace)
  return await (kind === undefined ? query : query.where('kind', '=', kind))
    .orderBy('created_at')
    .orderBy('name')
    .execute()
}

export async function findDefinition(
  ctx: Ctx,
  namespace: string,
  kind: DefinitionKind,
  name: string,
): Promise<DefinitionTable | undefined> {
  return await db(ctx)
    .selectFrom('image_definitions')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst()
}

/** The first name that is taken already, if one is. */
export async function insertDefinitions(
  tx: Ctx,
  rows: readonly DefinitionTable[],
): Promise<string | undefined> {
  for (const row of rows) {
    const result = await db(tx)
      .insertInto('image_definitions')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (Number(result.numInsertedOrUpdatedRows) === 0) return row.name
  }
  return undefined
}

export async function updateDefinition(
  ctx: Ctx,
  was: DefinitionTable,
  columns: { readonly name: string; readonly body: string },
): Promise<void> {
  await db(ctx)
    .updateTable('image_definitions')
    .set({ ...columns, updated_at: ctx.now().toISOString() })
    .where('namespace', '=', was.namespace)
    .where('kind', '=', was.kind)
    .where('name', '=', was.name)
    .execute()
}

/** One, or all of a kind; false when there was none. */
export async function removeDefinitions(
  ctx: Ctx,
  namespace: string,
  kind: DefinitionKind,
  name?: string,
): Promise<boolean> {
  const query = db(ctx)
    .deleteFrom('image_definitions')
    .where('namespace', '=', namespace)
    .where('kind', '=', kind)
  const result = await (
    name === undefined ? query : query.where('name', '=', name)
  ).executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}

export async function listResourceTypes(ctx: Ctx): Promise<ResourceTypeTable[]> {
  return await db(ctx)
    .selectFrom('image_resource_types')
    .selectAll()
    .orderBy('created_at')
    .orderBy('name')
    .execute()
}

export async function listAssociations(
  ctx: Ctx,
  namespaces: readonly string[],
): Promise<AssociationTable[]> {
  if (namespaces.length === 0) return []
  return await db(ctx)
    .selectFrom('image_resource_associations')
    .selectAll()
    .where('namespace', 'in', namespaces)
    .orderBy('name')
    .execute()
}

/** Also makes the resource type known; false when they are associated already. */
export async function insertAssociation(tx: Ctx, row: AssociationTable): Promise<boolean> {
  await db(tx)
    .insertInto('image_resource_types')
    .values({ name: row.name, created_at: row.created_at, updated_at: row.updated_at })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const result = await db(tx)
    .insertInto('image_resource_associations')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows) > 0
}

export async function removeAssociation(
  ctx: Ctx,
  namespace: string,
  name: string,
): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('image_resource_associations')
    .where('namespace', '=', namespace)
    .where('name', '=', name)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}
