import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { db, type EndpointTable } from '../tables.ts'

export async function findEndpoint(ctx: Ctx, id: string): Promise<EndpointTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function endpointOfPort(ctx: Ctx, portId: string): Promise<EndpointTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('port_id', '=', portId)
    .executeTakeFirst()
}

export async function endpointsOf(
  ctx: Ctx,
  dockerNetwork: string,
): Promise<readonly EndpointTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('docker_network', '=', dockerNetwork)
    .execute()
}

export async function endpointsInSandbox(
  ctx: Ctx,
  sandbox: string,
): Promise<readonly EndpointTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('sandbox', '=', sandbox)
    .execute()
}

export async function insertEndpoint(tx: Ctx, row: EndpointTable): Promise<void> {
  await db(tx).insertInto('net_docker_endpoints').values(row).execute()
}

export async function updateEndpoint(
  tx: Ctx,
  id: string,
  changes: Partial<EndpointTable>,
): Promise<void> {
  await db(tx).updateTable('net_docker_endpoints').set(changes).where('id', '=', id).execute()
}

export async function deleteEndpoint(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_docker_endpoints').where('id', '=', id).execute()
}

export async function allEndpoints(ctx: Ctx): Promise<readonly EndpointTable[]> {
  return await db(ctx).selectFrom('net_docker_endpoints').selectAll().execute()
}
