import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { rangesOf, type Pool } from '../addressing/pools.ts'
import type { NetworkRow } from '../networks/schema.ts'
import { getNetwork, networkSpec } from '../networks/store.ts'
import { text, integer, type ListSpec } from '../standard/list-spec.ts'
import { listQuery, pageLinks, pick } from '../standard/query.ts'
import type { View } from '../standard/schema.ts'
import { listRows } from '../standard/store.ts'
import { subnetsWithUse } from './store.ts'

export const availabilityPolicies = {
  'network:get_network_ip_availability': 'rule:admin',
  'network:list_network_ip_availabilities': 'rule:project-reader',
} as const

const spec: ListSpec = {
  ...networkSpec,
  columns: {
    network_id: text('id'),
    network_name: text('name'),
    project_id: text('project_id'),
    tenant_id: text('project_id'),
    revision: integer('revision'),
  },
  filters: {},
}

/** How many addresses each network has, and how many are given out. */
export function availabilityRoutes(): Route[] {
  const base = '/v2.0/network-ip-availabilities'
  const policy = 'network:get_network_ip_availability'
  return [
    route({
      method: 'GET',
      path: base,
      policy: 'network:list_network_ip_availabilities',
      handle: async (ctx, { rawQuery, serviceUrl }) =>
        // who may not see them gets an empty list, as Neutron does it
        can(ctx, policy)
          ? await list(ctx, rawQuery, `${serviceUrl}${base}`)
          : { network_ip_availabilities: [] },
    }),
    route({
      method: 'GET',
      path: `${base}/:id`,
      policy,
      handle: async (ctx, req) => {
        const { id } = req.params as { id: string } // named in the path
        const [view = {}] = await views(ctx, [await getNetwork(ctx, id)], null)
        return { network_ip_availability: pick(view, req.rawQuery.getAll('fields')) }
      },
    }),
  ]
}

/** `ip_version` chooses which subnets are counted, not which networks are told. */
async function list(ctx: Ctx, rawQuery: URLSearchParams, url: string): Promise<View> {
  const version = rawQuery.get('ip_version')
  const own = new URLSearchParams(rawQuery)
  own.delete('ip_version')
  const query = listQuery(own, spec)
  const rows = await listRows<NetworkRow>(ctx, spec, query)
  const links = pageLinks(
    url,
    rawQuery,
    query,
    rows.map(({ id }) => id),
  )
  return {
    network_ip_availabilities: (await views(ctx, rows, version)).map((view) =>
      pick(view, query.fields),
    ),
    ...(links.length > 0 ? { network_ip_availabilities_links: links } : {}),
  }
}

async function views(
  ctx: Ctx,
  rows: readonly NetworkRow[],
  version: string | null,
): Promise<readonly View[]> {
  const all = await subnetsWithUse(
    ctx,
    rows.map(({ id }) => id),
  )
  const byNetwork = Map.groupBy(
    all.filter((subnet) => version === null || String(subnet.version) === version),
    ({ network_id }) => network_id,
  )
  return rows.map((row) => {
    const subnets = (byNetwork.get(row.id) ?? []).map((subnet) => ({
      subnet_id: subnet.id,
      subnet_name: subnet.name,
      ip_version: subnet.version,
      cidr: subnet.cidr,
      used_ips: subnet.used,
      size: sizeOfPools(fromJson<Pool[]>(subnet.pools)),
    }))
    return {
      network_id: row.id,
      network_name: row.name,
      project_id: row.project_id,
      tenant_id: row.project_id,
      subnet_ip_availability: subnets.map(({ size, ...subnet }) => ({
        ...subnet,
        total_ips: exact(size),
      })),
      used_ips: subnets.reduce((sum, { used_ips }) => sum + used_ips, 0),
      total_ips: exact(subnets.reduce((sum, { size }) => sum + size, 0n)),
    }
  })
}

const sizeOfPools = (pools: readonly Pool[]): bigint =>
  rangesOf(pools).reduce((sum, { from, to }) => sum + to - from + 1n, 0n)

/** IPv6 pools are larger than a number can tell exactly; JSON itself has no such limit. */
function exact(size: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(size)) // in Node since 21, not yet in TypeScript's library
}
