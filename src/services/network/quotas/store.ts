import { sql } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { db } from '../tables.ts'
import { quotaDefaults, quotedNames, type Quoted } from './defaults.ts'

/** Table of each counted resource, and whether rows on their way out are marked in it. */
const counted: Readonly<Record<Quoted, { readonly table: string; readonly marked: boolean }>> = {
  network: { table: 'net_networks', marked: true },
  subnet: { table: 'net_subnets', marked: false },
  port: { table: 'net_ports', marked: true },
  router: { table: 'net_routers', marked: true },
  floatingip: { table: 'net_floating_ips', marked: false },
  security_group: { table: 'net_groups', marked: false },
  security_group_rule: { table: 'net_group_rules', marked: false },
  subnetpool: { table: 'net_subnet_pools', marked: false },
  rbac_policy: { table: 'net_rbac', marked: false },
}

export type Quotas = Record<Quoted, number>

/** What was set for the project over what everybody has. */
export async function quotasOf(ctx: Ctx, projectId: string): Promise<Quotas> {
  const rows = await db(ctx)
    .selectFrom('net_quotas')
    .selectAll()
    .where('project_id', '=', projectId)
    .execute()
  return { ...quotaDefaults, ...Object.fromEntries(rows.map((row) => [row.resource, row.amount])) }
}

/** Projects with quotas of their own. */
export async function projectsWithQuotas(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_quotas')
    .select('project_id')
    .distinct()
    .orderBy('project_id')
    .execute()
  return rows.map((row) => row.project_id)
}

export async function setQuotas(
  ctx: Ctx,
  projectId: string,
  amounts: Partial<Quotas>,
): Promise<void> {
  for (const [resource, amount] of Object.entries(amounts)) {
    await db(ctx)
      .insertInto('net_quotas')
      .values({ project_id: projectId, resource, amount })
      .onConflict((conflict) =>
        conflict.columns(['project_id', 'resource']).doUpdateSet({ amount }),
      )
      .execute()
  }
}

export async function clearQuotas(ctx: Ctx, projectId: string): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('net_quotas')
    .where('project_id', '=', projectId)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}

export async function usageOf(ctx: Ctx, projectId: string): Promise<Quotas> {
  const counts = await Promise.all(
    quotedNames.map(async (name) => [name, await count(ctx, name, projectId)] as const),
  )
  return { ...quotaDefaults, ...Object.fromEntries(counts) }
}

async function count(ctx: Ctx, name: Quoted, projectId: string): Promise<number> {
  const { table, marked } = counted[name]
  const alive = marked ? sql` and deleted = 0` : sql``
  const { rows } = await sql<{
    n: number | string
  }>`select count(*) as n from ${sql.table(table)} where project_id = ${projectId}${alive}`.execute(
    db(ctx),
  )
  return Number(rows[0]?.n ?? 0)
}

/** 409 when `more` objects would be too many. Bodies of bulk requests come here once per object, inside their transaction. */
export async function mustFit(tx: Ctx, name: Quoted, projectId: string, more = 1): Promise<void> {
  const own = await db(tx)
    .selectFrom('net_quotas')
    .select('amount')
    .where('project_id', '=', projectId)
    .where('resource', '=', name)
    .executeTakeFirst()
  const limit = own?.amount ?? quotaDefaults[name]
  if (limit < 0 || (await count(tx, name, projectId)) + more <= limit) return
  throw neutronError('conflict', 'OverQuota', `Quota exceeded for resources: ['${name}'].`)
}
