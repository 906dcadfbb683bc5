import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { addressesOf } from '../addresses/store.ts'
import { neutronError } from '../fault.ts'
import { isFloatingPort } from '../floating-ips/store.ts'
import { routerExists } from '../routers/store.ts'
import { groupsOfPorts } from '../security-groups/store.ts'
import { seesAll } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { standardView, type View } from '../standard/schema.ts'
import { tagsOf } from '../standard/store.ts'
import { createPort, dropPort, updatePort } from './create.ts'
import { NewPort, PortChange, type DhcpOption, type Pair, type PortRow } from './schema.ts'
import { portSpec } from './store.ts'

/** Ports: the ends of a network, with their addresses and filters. */
export function portResource(): Resource {
  return resource<PortRow, typeof NewPort, typeof PortChange>({
    singular: 'port',
    plural: 'ports',
    path: 'ports',
    label: 'Port',
    notFound: 'PortNotFound',
    spec: portSpec,
    taggable: true,
    createBody: NewPort,
    updateBody: PortChange,
    adminOnly: { 'binding:host_id': '', 'binding:profile': {} },
    alsoOwner: (row) => row.network_project,
    create: async (tx, wish, projectId) => (await createPort(tx, wish, projectId)).row.id,
    update: updatePort,
    remove: removePort,
    views: portViews,
  })
}

/** Ports of routers and floating IPs go with these, not alone. */
async function removePort(tx: Ctx, row: PortRow): Promise<void> {
  const held =
    row.device_owner === 'network:floatingip'
      ? await isFloatingPort(tx, row.id)
      : row.device_owner.startsWith('network:router_') && (await routerExists(tx, row.device_id))
  if (held) {
    throw neutronError(
      'conflict',
      'ServicePortInUse',
      `Port ${row.id} cannot be deleted directly via the port API: has device owner ${row.device_owner}.`,
    )
  }
  await dropPort(tx, row)
}

async function portViews(ctx: Ctx, rows: readonly PortRow[]): Promise<readonly View[]> {
  const ids = rows.map(({ id }) => id)
  const addresses = Map.groupBy(await addressesOf(ctx, ids), ({ port_id }) => port_id)
  const groups = Map.groupBy(await groupsOfPorts(ctx, ids), ({ port_id }) => port_id)
  const admin = seesAll(ctx)
  return rows.map((row) => ({
    ...standardView(row),
    network_id: row.network_id,
    mac_address: row.mac,
    admin_state_up: row.admin_up === 1,
    status: row.status,
    device_id: row.device_id,
    device_owner: row.device_owner,
    port_security_enabled: row.port_security === 1,
    fixed_ips: (addresses.get(row.id) ?? []).map(({ subnet_id, address }) => ({
      subnet_id,
      ip_address: address,
    })),
    security_groups: (groups.get(row.id) ?? []).map(({ group_id }) => group_id),
    allowed_address_pairs: fromJson<Pair[]>(row.pairs),
    extra_dhcp_opts: fromJson<DhcpOption[]>(row.dhcp_opts),
    'binding:vnic_type': row.vnic_type,
    tags: tagsOf(row),
    ...(admin ? bindingView(row) : {}),
  }))
}

function bindingView(row: PortRow): View {
  const bound = row.host_id !== ''
  return {
    'binding:host_id': row.host_id,
    'binding:profile': fromJson<Record<string, unknown>>(row.profile),
    'binding:vif_type': bound ? 'bridge' : 'unbound',
    'binding:vif_details': bound ? { port_filter: true } : {},
  }
}
