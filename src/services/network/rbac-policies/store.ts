import { randomUUID } from 'node:crypto'
import { sql, type RawBuilder } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { touch } from '../standard/store.ts'
import { db, newRow, type RbacTable } from '../tables.ts'

export type ObjectType =
  | 'network'
  | 'subnetpool'
  | 'address_scope'
  | 'security_group'
  | 'qos_policy'
  | 'address_group'
export type Action = 'access_as_shared' | 'access_as_external'

export const rbacSpec: ListSpec = {
  table: 'net_rbac',
  columns: {
    ...standardColumns,
    object_type: text('object_type'),
    object_id: text('object_id'),
    action: text('action'),
    target_tenant: text('target'),
    target_project: text('target'),
  },
}

export interface Share {
  readonly type: ObjectType
  readonly id: string
  readonly action: Action
  readonly target: string
}

/** 409 when the same rule is there already. */
export async function insertShare(tx: Ctx, share: Share, projectId: string): Promise<string> {
  const id = randomUUID()
  const result = await db(tx)
    .insertInto('net_rbac')
    .values({
      ...newRow(tx, id, projectId, {}),
      object_type: share.type,
      object_id: share.id,
      action: share.action,
      target: share.target,
    })
    .onConflict((conflict) => conflict.columns(['object_id', 'action', 'target']).doNothing())
    .executeTakeFirst()
  if (Number(result.numInsertedOrUpdatedRows ?? 0) === 0) {
    throw neutronError(
      'conflict',
      'DuplicateRbacPolicy',
      'An RBAC policy already exists with those values.',
    )
  }
  return id
}

/** Opens the object to everyone (`shared`, `router:external`), or closes it again. */
export async function setShared(
  tx: Ctx,
  object: { readonly type: ObjectType; readonly id: string; readonly action: Action },
  projectId: string,
  on: boolean,
): Promise<void> {
  const existing = db(tx)
    .selectFrom('net_rbac')
    .select('id')
    .where('object_id', '=', object.id)
    .where('action', '=', object.action)
    .where('target', '=', '*')
  const row = await existing.executeTakeFirst()
  if (on && row === undefined) await insertShare(tx, { ...object, target: '*' }, projectId)
  if (!on && row !== undefined) await deleteShare(tx, row.id)
}

export async function deleteShare(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_rbac').where('id', '=', id).execute()
}

/** All rules about an object. */
export async function sharesOf(ctx: Ctx, objectId: string): Promise<readonly RbacTable[]> {
  return await db(ctx)
    .selectFrom('net_rbac')
    .selectAll()
    .where('object_id', '=', objectId)
    .execute()
}

/** The object is gone: so are the rules about it. */
export async function deleteSharesOf(tx: Ctx, objectId: string): Promise<void> {
  await db(tx).deleteFrom('net_rbac').where('object_id', '=', objectId).execute()
}

const tableOf: Readonly<Record<ObjectType, string>> = {
  network: 'net_networks',
  subnetpool: 'net_subnet_pools',
  address_scope: 'net_address_scopes',
  security_group: 'net_groups',
  qos_policy: 'net_qos_policies',
  address_group: 'net_address_groups',
}

/** Owner of an object that can be shared; undefined when there is none. */
export async function ownerOfObject(
  ctx: Ctx,
  type: ObjectType,
  id: string,
): Promise<string | undefined> {
  const { rows } = await sql<{
    project_id: string
  }>`select project_id from ${sql.table(tableOf[type])} where id = ${id}`.execute(db(ctx))
  return rows[0]?.project_id
}

/** Who may use the object is part of it: its revision rises. */
export async function touchObject(tx: Ctx, type: ObjectType, id: string): Promise<void> {
  await touch(tx, { table: tableOf[type], columns: {} }, id)
}

/** The address scope that a subnet pool is in. */
export async function scopeOfPool(
  ctx: Ctx,
  poolId: string,
): Promise<{ readonly id: string; readonly project_id: string } | undefined> {
  return await db(ctx)
    .selectFrom('net_subnet_pools as p')
    .innerJoin('net_address_scopes as s', 's.id', 'p.scope_id')
    .select(['s.id', 's.project_id'])
    .where('p.id', '=', poolId)
    .executeTakeFirst()
}

/** Projects that use a shared object: those are who a rule must not be taken from. */
export async function usersOf(
  ctx: Ctx,
  type: ObjectType,
  id: string,
  action: string,
): Promise<readonly string[]> {
  const { rows } = await sql<{
    project_id: string
  }>`select distinct u.project_id from (${usage(type, id, action)}) as u where u.project_id <> ''`.execute(
    db(ctx),
  )
  return rows.map((row) => row.project_id)
}

function usage(type: ObjectType, id: string, action: string): RawBuilder<unknown> {
  if (type === 'subnetpool') return sql`select project_id from net_subnets where pool_id = ${id}`
  if (type === 'address_scope')
    return sql`select project_id from net_subnet_pools where scope_id = ${id}`
  if (type === 'security_group')
    return sql`select p.project_id from net_ports p join net_port_groups m on m.port_id = p.id where m.group_id = ${id} and p.deleted = 0`
  if (type === 'qos_policy')
    return sql`select project_id from net_networks where qos_policy = ${id} and deleted = 0
      union all select project_id from net_ports where qos_policy = ${id} and deleted = 0
      union all select project_id from net_floating_ips where qos_policy = ${id}
      union all select project_id from net_routers where qos_policy = ${id} and deleted = 0`
  if (type === 'address_group')
    return sql`select project_id from net_group_rules where remote_addresses = ${id}`
  if (action === 'access_as_external') {
    return sql`select project_id from net_routers where gateway_network = ${id} and deleted = 0 union all select project_id from net_floating_ips where network_id = ${id}`
  }
  return sql`select project_id from net_ports where network_id = ${id} and deleted = 0 and device_owner <> 'network:router_gateway' and device_owner <> 'network:floatingip'
    union all select project_id from net_subnets where network_id = ${id}`
}
