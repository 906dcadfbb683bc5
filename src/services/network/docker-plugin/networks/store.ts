import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { db, type DockerNetworkTable } from '../tables.ts'

export async function findDockerNetwork(
  ctx: Ctx,
  id: string,
): Promise<DockerNetworkTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_networks')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function insertDockerNetwork(tx: Ctx, row: DockerNetworkTable): Promise<void> {
  await db(tx).insertInto('net_docker_networks').values(row).execute()
}

export async function deleteDockerNetwork(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_docker_networks').where('id', '=', id).execute()
}

export async function allDockerNetworks(ctx: Ctx): Promise<readonly DockerNetworkTable[]> {
  return await db(ctx).selectFrom('net_docker_networks').selectAll().execute()
}

export async function markSeen(ctx: Ctx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db(ctx)
    .updateTable('net_docker_networks')
    .set({ seen: 1 })
    .where('id', 'in', ids)
    .where('seen', '=', 0)
    .execute()
}
