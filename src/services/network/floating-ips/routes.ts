import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { FixedIpWish } from '../addresses/choose.ts'
import { badRequest, neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { getNetwork } from '../networks/store.ts'
import { addPort } from '../ports/create.ts'
import { mustNotBeForwardedTo, mustNotForward } from '../port-forwardings/effects.ts'
import { forwardingsOf } from '../port-forwardings/store.ts'
import { getPort, portsById } from '../ports/store.ts'
import { mustFit } from '../quotas/store.ts'
import { seesAll } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { standardView, type View } from '../standard/schema.ts'
import { changeRow, tagsOf } from '../standard/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import { newRow, type FloatingIpTable, type PortTable } from '../tables.ts'
import {
  FloatingIpChange,
  NewFloatingIp,
  type FloatingIpChangeWish,
  type FloatingIpRow,
  type NewFloatingIpWish,
} from './schema.ts'
import { dropFloatingIp } from './effects.ts'
import { innerAddress, routerFor } from './reach.ts'
import { associationOf, floatingIpSpec, insertFloatingIp } from './store.ts'

/** Floating IPs: addresses of an external network that a router leads to a port. */
export function floatingIpResource(): Resource {
  return resource<FloatingIpRow, typeof NewFloatingIp, typeof FloatingIpChange>({
    singular: 'floatingip',
    plural: 'floatingips',
    path: 'floatingips',
    label: 'Floating IP',
    notFound: 'FloatingIPNotFound',
    spec: floatingIpSpec,
    taggable: true,
    createBody: NewFloatingIp,
    updateBody: FloatingIpChange,
    adminOnly: { floating_ip_address: null },
    create: createFloatingIp,
    update: updateFloatingIp,
    remove: dropFloatingIp,
    views: floatingIpViews,
  })
}

export async function createFloatingIp(
  tx: Ctx,
  wish: NewFloatingIpWish,
  projectId: string,
): Promise<string> {
  const network = await getNetwork(tx, wish.floating_network_id)
  if (network.external === 0)
    throw badRequest(
      `Bad floatingip request: Network ${network.id} is not a valid external network.`,
    )
  await mustFit(tx, 'floatingip', projectId)
  const id = randomUUID()
  const port = await addPort(tx, network, {
    projectId: '',
    name: '',
    deviceId: id,
    deviceOwner: 'network:floatingip',
    onlyIpv4: true,
    ...(await outerAddress(tx, network.id, wish)),
  })
  const row: FloatingIpTable = {
    ...newRow(tx, id, projectId, wish),
    network_id: network.id,
    address: port.fixedIps[0]?.ip_address ?? '',
    floating_port: port.row.id,
    port_id: null,
    fixed_address: null,
    router_id: null,
    status: 'DOWN',
  }
  const goal = await goalOf(tx, row, wish.port_id ?? null, wish.fixed_ip_address ?? null)
  await insertFloatingIp(tx, { ...row, ...goal })
  if (goal.router_id !== null) await nudge(tx, kinds.router, goal.router_id)
  return id
}

/** The address asked for, or any IPv4 one of the network: translation is done in IPv4 only. */
async function outerAddress(
  tx: Ctx,
  networkId: string,
  wish: NewFloatingIpWish,
): Promise<{ fixedIps?: FixedIpWish[] }> {
  const subnets = (await subnetsIn(tx, networkId)).filter(({ version }) => version === 4)
  if (subnets.length === 0)
    throw badRequest(
      `Bad floatingip request: Network ${networkId} does not contain any IPv4 subnet.`,
    )
  const subnetId = wish.subnet_id ?? undefined
  const address = wish.floating_ip_address ?? undefined
  if (subnetId !== undefined && !subnets.some(({ id }) => id === subnetId))
    throw badRequest(
      `Bad floatingip request: subnet ${subnetId} is no IPv4 subnet of network ${networkId}.`,
    )
  if (address === undefined && subnetId === undefined) return {}
  return {
    fixedIps: [
      {
        ...(address === undefined ? {} : { ip_address: address }),
        ...(subnetId === undefined ? {} : { subnet_id: subnetId }),
      },
    ],
  }
}

type Goal = Pick<FloatingIpTable, 'port_id' | 'fixed_address' | 'router_id' | 'status'>

/** Where the address is to lead, after all of Neutron's checks. */
async function goalOf(
  tx: Ctx,
  row: FloatingIpTable,
  portId: string | null,
  fixedAddress: string | null,
): Promise<Goal> {
  if (portId === null) {
    if (fixedAddress !== null)
      throw badRequest(
        'Bad floatingip request: fixed_ip_address cannot be specified without a port_id.',
      )
    return await leadingNowhere(tx, row)
  }
  const port = await getPort(tx, portId)
  if (port.project_id !== row.project_id && !seesAll(tx)) {
    throw badRequest(
      `Bad floatingip request: Port ${port.id} is associated with a different tenant than Floating IP ${row.id} and therefore cannot be bound.`,
    )
  }
  const target = await innerAddress(tx, port, fixedAddress)
  await mustBeAlone(tx, row, port, target.address)
  await mustNotForward(tx, row.id)
  await mustNotBeForwardedTo(tx, port.id, target.address)
  const router = await routerFor(tx, row, port, target.subnet_id)
  // a router that carries it already need not be waited for
  const same =
    row.port_id === port.id && row.fixed_address === target.address && row.router_id === router
  return {
    port_id: port.id,
    fixed_address: target.address,
    router_id: router,
    status: same ? row.status : 'DOWN',
  }
}

/** An address that forwards single ports stays with its router. */
async function leadingNowhere(tx: Ctx, row: FloatingIpTable): Promise<Goal> {
  const nowhere = { port_id: null, fixed_address: null }
  if ((await forwardingsOf(tx, [row.id])).length > 0)
    return { ...nowhere, router_id: row.router_id, status: row.status }
  return { ...nowhere, router_id: null, status: 'DOWN' }
}

async function mustBeAlone(
  tx: Ctx,
  row: FloatingIpTable,
  port: PortTable,
  fixed: string,
): Promise<void> {
  const other = await associationOf(tx, row.network_id, port.id, fixed)
  if (other === undefined || other === row.id) return
  throw neutronError(
    'conflict',
    'FloatingIPPortAlreadyAssociated',
    `Cannot associate floating IP ${row.address} (${row.id}) with port ${port.id} using fixed IP ${fixed}, as that fixed IP already has a floating IP on external network ${row.network_id}.`,
  )
}

export async function updateFloatingIp(
  tx: Ctx,
  row: FloatingIpRow,
  wish: FloatingIpChangeWish,
): Promise<void> {
  const described = { description: wish.description }
  // an empty body has always meant «lead nowhere»: once the association was all that could change
  const empty = Object.keys(wish).length === 0
  if (!empty && wish.port_id === undefined && wish.fixed_ip_address === undefined)
    return await changeRow(tx, floatingIpSpec, row.id, described)
  const portId = empty ? null : wish.port_id === undefined ? row.port_id : wish.port_id
  const goal = await goalOf(tx, row, portId, wish.fixed_ip_address ?? null)
  await changeRow(tx, floatingIpSpec, row.id, { ...described, ...goal })
  for (const router of new Set([row.router_id, goal.router_id]))
    if (router !== null) await nudge(tx, kinds.router, router)
}

async function floatingIpViews(ctx: Ctx, rows: readonly FloatingIpRow[]): Promise<readonly View[]> {
  const ports = new Map(
    (
      await portsById(
        ctx,
        rows.flatMap(({ port_id }) => port_id ?? []),
      )
    ).map((port) => [port.id, port]),
  )
  return rows.map((row) => {
    const { name: _unnamed, ...common } = standardView(row)
    return {
      ...common,
      floating_network_id: row.network_id,
      floating_ip_address: row.address,
      port_id: row.port_id,
      fixed_ip_address: row.fixed_address,
      router_id: row.router_id,
      status: row.status,
      port_details: portDetails(ports.get(row.port_id ?? '')),
      tags: tagsOf(row),
    }
  })
}

function portDetails(port: PortTable | undefined): View | null {
  if (port === undefined) return null
  return {
    name: port.name,
    network_id: port.network_id,
    mac_address: port.mac,
    admin_state_up: port.admin_up === 1,
    status: port.status,
    device_id: port.device_id,
    device_owner: port.device_owner,
  }
}
