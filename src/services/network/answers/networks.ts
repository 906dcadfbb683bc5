import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { ensureTopology, type Parts } from '../auto-allocated-topology/topology.ts'
import type { NetworkFace, NetworkInfo } from '../face.ts'
import type { NetworkRow } from '../networks/schema.ts'
import { getNetwork, networkSpec, subnetsOfNetworks } from '../networks/store.ts'
import { askingProject } from '../standard/access.ts'
import { listQuery } from '../standard/query.ts'
import { findRow, listRows } from '../standard/store.ts'

/** Networks, as services to the right know them. */
export function networkAnswers(
  parts: Parts,
): Pick<NetworkFace, 'listNetworks' | 'findNetwork' | 'allocateNetwork'> {
  return {
    async listNetworks(ctx) {
      const rows = await listRows<NetworkRow>(
        ctx,
        networkSpec,
        listQuery(new URLSearchParams(), networkSpec),
      )
      // an admin sees every project's networks, but his servers go into his own
      const mine = rows.filter(
        (row) =>
          ctx.who === undefined ||
          row.project_id === askingProject(ctx) ||
          row.is_shared === 1 ||
          row.external === 1,
      )
      return await infos(ctx, mine)
    },
    async findNetwork(ctx, id) {
      const row = await findRow<NetworkRow>(ctx, networkSpec, id)
      return row === undefined ? undefined : (await infos(ctx, [row]))[0]
    },
    async allocateNetwork(ctx) {
      const row = await getNetwork(ctx, await ensureTopology(ctx, parts, projectOf(ctx)))
      const [info] = await infos(ctx, [row])
      if (info === undefined) throw new Error(`network ${row.id} cannot be described`)
      return info
    },
  }
}

async function infos(ctx: Ctx, rows: readonly NetworkRow[]): Promise<readonly NetworkInfo[]> {
  const subnets = Map.groupBy(
    await subnetsOfNetworks(
      ctx,
      rows.map(({ id }) => id),
    ),
    ({ network_id }) => network_id,
  )
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    projectId: row.project_id,
    shared: row.is_shared === 1,
    external: row.external === 1,
    mtu: row.mtu,
    portSecurity: row.port_security === 1,
    subnetIds: (subnets.get(row.id) ?? []).map(({ id }) => id),
    createdAt: row.created_at,
  }))
}
