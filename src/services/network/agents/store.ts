import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { AgentType } from './roles.ts'

interface AgentTables {
  /** What an admin said about an agent; without a row it is up. */
  net_agents: {
    id: string
    host: string
    type: string
    admin_up: number
    description: string | null
  }
  /** Objects that an admin took off the agents of a kind. */
  net_agent_absences: { object_id: string; type: string }
}

const db = (ctx: Ctx): Kysely<AgentTables> => tables<AgentTables>(ctx)

export const agentMigration: Migration = {
  id: '010-agents',
  async up(kysely) {
    await sql`create table net_agents (id text primary key, host text not null, type text not null, admin_up integer not null,
      description text)`.execute(kysely)
    await sql`create table net_agent_absences (object_id text not null, type text not null, primary key (object_id, type))`.execute(
      kysely,
    )
  },
}

export async function agentSettings(
  ctx: Ctx,
): Promise<readonly Pick<AgentTables['net_agents'], 'id' | 'admin_up' | 'description'>[]> {
  return await db(ctx).selectFrom('net_agents').select(['id', 'admin_up', 'description']).execute()
}

export async function setAgent(tx: Ctx, row: AgentTables['net_agents']): Promise<void> {
  await db(tx)
    .insertInto('net_agents')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

/** Which of these an agent of the kind does not see to: taken off it, or the agent of their host is switched off. */
export async function unserved(
  ctx: Ctx,
  type: AgentType,
  objects: readonly { readonly id: string; readonly host: string }[],
): Promise<ReadonlySet<string>> {
  const off = await db(ctx)
    .selectFrom('net_agents')
    .select('host')
    .where('type', '=', type)
    .where('admin_up', '=', 0)
    .execute()
  const hosts = new Set(off.map(({ host }) => host))
  const absent = await absentees(ctx, type)
  return new Set(
    objects.filter(({ id, host }) => hosts.has(host) || absent.has(id)).map(({ id }) => id),
  )
}

export async function absentees(ctx: Ctx, type: AgentType): Promise<ReadonlySet<string>> {
  const rows = await db(ctx)
    .selectFrom('net_agent_absences')
    .select('object_id')
    .where('type', '=', type)
    .execute()
  return new Set(rows.map((row) => row.object_id))
}

/** False when it was so already. */
export async function takeOff(tx: Ctx, type: AgentType, objectId: string): Promise<boolean> {
  const result = await db(tx)
    .insertInto('net_agent_absences')
    .values({ object_id: objectId, type })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

/** False when it was on already; also what an object that goes leaves behind. */
export async function putOn(tx: Ctx, type: AgentType, objectId: string): Promise<boolean> {
  const result = await db(tx)
    .deleteFrom('net_agent_absences')
    .where('object_id', '=', objectId)
    .where('type', '=', type)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}
