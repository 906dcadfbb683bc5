import { asCloud, type Ctx } from '../../kernel/ctx/ctx.ts'
import { inTx } from '../../kernel/db/db.ts'
import { createNetwork } from './networks/routes.ts'
import type { NetworkRow } from './networks/schema.ts'
import { networkSpec, type NetworkHome } from './networks/store.ts'
import { addInterface } from './routers/interfaces.ts'
import { createRouter } from './routers/routes.ts'
import type { RouterRow } from './routers/schema.ts'
import { getRouter, legsOf, routerSpec } from './routers/store.ts'
import type { ListSpec } from './standard/list-spec.ts'
import type { StandardRow } from './standard/schema.ts'
import { rowsBy } from './standard/store.ts'
import { createPool } from './subnetpools/routes.ts'
import { defaultPoolOf } from './subnetpools/store.ts'
import { createSubnet } from './subnets/routes.ts'
import { subnetsIn } from './subnets/store.ts'

export interface BootstrapSettings {
  /** CIDR of the floating addresses. */
  readonly floatingRange: string
  /** CIDR of the demo project's first subnet. */
  readonly fixedRange: string
  readonly demoProjectId: string
  readonly adminProjectId: string
}

/** What a new cloud offers at once: the way out, a pool of addresses, and a network behind a router for the demo project. May be repeated. */
export async function bootstrapNetworks(
  from: Ctx,
  home: NetworkHome,
  settings: BootstrapSettings,
): Promise<void> {
  await inTx(asCloud(from), async (tx) => {
    const external = await ensureNetwork(tx, home, settings.adminProjectId, 'public', true)
    await ensureSubnet(
      tx,
      external,
      settings.adminProjectId,
      'public-subnet',
      settings.floatingRange,
      false,
    )
    await ensurePool(tx, settings.adminProjectId)
    const inner = await ensureNetwork(tx, home, settings.demoProjectId, 'private', false)
    const subnet = await ensureSubnet(
      tx,
      inner,
      settings.demoProjectId,
      'private-subnet',
      settings.fixedRange,
      true,
    )
    const router = await ensureRouter(tx, home, settings.demoProjectId, external)
    const joined = (await legsOf(tx, router.id)).some((leg) => leg.subnet_id === subnet)
    if (!joined) await addInterface(tx, router, { subnet_id: subnet })
  })
}

/** From here projects take the subnets of the networks that are allocated for them. */
async function ensurePool(tx: Ctx, projectId: string): Promise<void> {
  if ((await defaultPoolOf(tx, 4)) !== undefined) return
  const pool = {
    name: 'shared-default-subnetpool-v4',
    description: '',
    prefixes: '10.128.0.0/9',
    default_prefixlen: 24,
    shared: true,
    is_default: true,
  }
  await createPool(tx, pool, projectId)
}

async function named<Row extends StandardRow>(
  tx: Ctx,
  spec: ListSpec,
  projectId: string,
  name: string,
): Promise<Row | undefined> {
  return (await rowsBy<Row>(tx, spec, 'name', [name])).find((row) => row.project_id === projectId)
}

async function ensureNetwork(
  tx: Ctx,
  home: NetworkHome,
  projectId: string,
  name: string,
  external: boolean,
): Promise<string> {
  const known = await named<NetworkRow>(tx, networkSpec, projectId, name)
  return (
    known?.id ??
    (await createNetwork(
      tx,
      home,
      { name, description: '', 'router:external': external, is_default: external },
      projectId,
    ))
  )
}

async function ensureSubnet(
  tx: Ctx,
  networkId: string,
  projectId: string,
  name: string,
  cidr: string,
  dhcp: boolean,
): Promise<string> {
  const known = (await subnetsIn(tx, networkId)).find((subnet) => subnet.name === name)
  return (
    known?.id ??
    (await createSubnet(
      tx,
      { network_id: networkId, name, description: '', ip_version: 4, cidr, enable_dhcp: dhcp },
      projectId,
    ))
  )
}

async function ensureRouter(
  tx: Ctx,
  home: NetworkHome,
  projectId: string,
  externalId: string,
): Promise<RouterRow> {
  const known = await named<RouterRow>(tx, routerSpec, projectId, 'router1')
  if (known !== undefined) return known
  const id = await createRouter(
    tx,
    home.host,
    { name: 'router1', description: '', external_gateway_info: { network_id: externalId } },
    projectId,
  )
  return await getRouter(tx, id)
}
