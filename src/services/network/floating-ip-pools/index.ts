import { route, type Route } from '../../../kernel/http/route.ts'
import type { NetworkRow } from '../networks/schema.ts'
import { networkSpec } from '../networks/store.ts'
import type { Feature } from '../standard/feature.ts'
import { listed } from '../standard/in-memory.ts'
import { listQuery } from '../standard/query.ts'
import { listRows } from '../standard/store.ts'
import { floatingSubnets } from './store.ts'

const keys = ['subnet_id', 'subnet_name', 'network_id', 'cidr', 'project_id', 'tenant_id']

const policy = 'network:get_floatingip_pool'

/** The API reference has the one, Neutron's own routing the other. */
const paths = ['/v2.0/floatingip-pools', '/v2.0/floatingip_pools']

/**
 * Where floating addresses come from: the IPv4 subnets of every external network that who asks may use. The subnets
 * themselves are not shown to tenants; this tells what they need to choose one.
 */
export function floatingIpPoolsFeature(): Feature {
  return {
    routes: paths.map(poolsRoute),
    policies: { [policy]: 'rule:project-reader' },
    extensions: [
      {
        alias: 'floatingip-pools',
        name: 'Floating IP Pools Extension',
        updated: '2018-03-21T10:00:00-00:00',
        description: 'Tells the subnets that floating addresses are taken from.',
      },
    ],
  }
}

const poolsRoute = (path: string): Route =>
  route({
    method: 'GET',
    path,
    policy,
    summary: 'List floating IP pools',
    handle: async (ctx, { rawQuery }) => {
      const external = listQuery(new URLSearchParams('router:external=true'), networkSpec)
      const networks = (await listRows<NetworkRow>(ctx, networkSpec, external)).map(({ id }) => id)
      const pools = (await floatingSubnets(ctx, networks)).map((subnet) => ({
        subnet_id: subnet.id,
        subnet_name: subnet.name,
        network_id: subnet.network_id,
        cidr: subnet.cidr,
        project_id: subnet.project_id,
        tenant_id: subnet.project_id,
      }))
      return {
        floatingip_pools: listed(pools, rawQuery, keys, (pool) => String(pool['subnet_id'])),
      }
    },
  })
