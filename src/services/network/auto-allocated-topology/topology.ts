import { asCloud, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { isCloudError } from '../../../kernel/errors/cloud-error.ts'
import { neutronError } from '../fault.ts'
import type { NetworkRow } from '../networks/schema.ts'
import { defaultNetwork, networkSpec } from '../networks/store.ts'
import { addInterface, removeInterface } from '../routers/interfaces.ts'
import type { RouterRow } from '../routers/schema.ts'
import { getRouter, legsOf, routerSpec } from '../routers/store.ts'
import type { Resource } from '../standard/resource.ts'
import { findRow } from '../standard/store.ts'
import { defaultPoolOf } from '../subnetpools/store.ts'
import { deleteTopology, insertTopology, topologyOf } from './store.ts'

/** What a topology is made of: the default external network, and the default subnet pools with their IP versions. */
export interface Requirements {
  readonly external: string
  readonly pools: readonly { readonly id: string; readonly version: 4 | 6 }[]
}

/** The resources it is made of, with all that features add to them. */
export interface Parts {
  readonly network: Resource
  readonly subnet: Resource
  readonly router: Resource
}

export const partsOf = (find: (singular: string) => Resource): Parts => ({
  network: find('network'),
  subnet: find('subnet'),
  router: find('router'),
})

/** 409 with what an admin has to provide first. */
export async function requirements(ctx: Ctx): Promise<Requirements> {
  const external = await defaultNetwork(ctx)
  if (external === undefined)
    throw failure('no default external network is set: an admin sets is_default of one')
  const pools: { id: string; version: 4 | 6 }[] = []
  for (const version of [4, 6] as const) {
    const id = await defaultPoolOf(ctx, version)
    if (id !== undefined) pools.push({ id, version })
  }
  if (pools.length === 0)
    throw failure('no default subnet pool is defined: an admin sets is_default of one')
  return { external, pools }
}

const failure = (reason: string): Error =>
  neutronError(
    'conflict',
    'AutoAllocationFailure',
    `Deployment error: Unable to auto allocate network topology: ${reason}.`,
  )

/**
 * The project's own network that leads outside: the one that was made for it before, or a new one with a subnet of every
 * default pool, behind a router. All of it or nothing.
 */
export async function ensureTopology(ctx: Ctx, parts: Parts, projectId: string): Promise<string> {
  try {
    return await inTx(ctx, async (tx) => {
      const known = await topologyOf(tx, projectId)
      // the project may have deleted what was made for it
      if (known !== undefined && (await isThere(tx, known.network_id))) return known.network_id
      if (known !== undefined) await deleteTopology(tx, projectId)
      return await provision(asCloud(tx), parts, projectId)
    })
  } catch (error) {
    // somebody else asked at the same time
    const made = isCloudError(error) ? undefined : await topologyOf(ctx, projectId)
    if (made === undefined) throw error
    return made.network_id
  }
}

const isThere = async (ctx: Ctx, networkId: string): Promise<boolean> =>
  (await findRow<NetworkRow>(asCloud(ctx), networkSpec, networkId)) !== undefined

async function provision(tx: Ctx, parts: Parts, projectId: string): Promise<string> {
  const { external, pools } = await requirements(tx)
  const network = await parts.network.create(
    tx,
    { name: 'auto_allocated_network', description: '' },
    projectId,
  )
  const routerId = await parts.router.create(
    tx,
    {
      name: 'auto_allocated_router',
      description: '',
      external_gateway_info: { network_id: external },
    },
    projectId,
  )
  const router = await getRouter(tx, routerId)
  for (const { id, version } of pools) {
    const subnet = await parts.subnet.create(
      tx,
      {
        network_id: network,
        name: `auto_allocated_subnet_v${version}`,
        description: '',
        ip_version: version,
        subnetpool_id: id,
      },
      projectId,
    )
    await addInterface(tx, router, { subnet_id: subnet })
  }
  await insertTopology(tx, { project_id: projectId, network_id: network, router_id: routerId })
  return network
}

/** No word when there is none, as in Neutron; 409 while something of the project is plugged into it. */
export async function removeTopology(ctx: Ctx, parts: Parts, projectId: string): Promise<void> {
  await inTx(ctx, async (outer) => {
    const known = await topologyOf(outer, projectId)
    if (known === undefined) return
    const tx = asCloud(outer)
    const router = await findRow<RouterRow>(tx, routerSpec, known.router_id)
    if (router !== undefined) await takeApart(tx, parts, router, known.network_id)
    const network = await findRow<NetworkRow>(tx, networkSpec, known.network_id)
    if (network !== undefined) await parts.network.remove(tx, network)
    await deleteTopology(tx, projectId)
  })
}

/** The router goes with the network, unless the project gave it other uses. */
async function takeApart(
  tx: Ctx,
  parts: Parts,
  router: RouterRow,
  networkId: string,
): Promise<void> {
  const legs = (await legsOf(tx, router.id)).filter((leg) => leg.network_id === networkId)
  for (const { subnet_id } of legs) await removeInterface(tx, router, { subnet_id })
  try {
    await parts.router.remove(tx, router)
  } catch (error) {
    if (!isCloudError(error, 'conflict')) throw error
  }
}
