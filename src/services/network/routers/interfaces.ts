import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../../kernel/db/db.ts'
import { route, type Route as HttpRoute } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { addressesOf, deleteAddresses } from '../addresses/store.ts'
import { allocate } from '../addresses/allocate.ts'
import { badRequest, neutronError } from '../fault.ts'
import { floatingIpsOfRouter } from '../floating-ips/store.ts'
import { kinds } from '../kinds.ts'
import { getNetwork } from '../networks/store.ts'
import { mustNotProxy } from '../ndp-proxies/effects.ts'
import { addPort, dropPort } from '../ports/create.ts'
import { addressesForwardedTo } from '../port-forwardings/store.ts'
import { getPort, portSpec } from '../ports/store.ts'
import { mustOwn } from '../standard/access.ts'
import { changeRow, findRow, touch } from '../standard/store.ts'
import { holds } from '../subnets/plan.ts'
import type { Route, SubnetRow } from '../subnets/schema.ts'
import { subnetsById, subnetSpec } from '../subnets/store.ts'
import type { AddressTable, PortTable, SubnetTable } from '../tables.ts'
import { mustNotOverlap } from './gateway.ts'
import { InterfaceRef, type RouterRow } from './schema.ts'
import { getRouter, interfacePorts, legsOf, routerSpec } from './store.ts'

interface Ref {
  readonly subnet_id?: string
  readonly port_id?: string
}

/** Joining a router with a subnet, and parting them. */
export function interfaceRoutes(): HttpRoute[] {
  const op = (
    verb: 'add' | 'remove',
    work: (tx: Ctx, router: RouterRow, ref: Ref) => Promise<unknown>,
  ): HttpRoute =>
    route({
      method: 'PUT',
      path: `/v2.0/routers/:id/${verb}_router_interface`,
      policy: `network:${verb}_router_interface`,
      body: InterfaceRef,
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const router = await getRouter(tx, (req.params as { id: string }).id) // named in the path
          mustOwn(tx, router, `${verb}_router_interface`)
          const answer = await work(tx, router, req.body)
          await touch(tx, routerSpec, router.id)
          await nudge(tx, kinds.router, router.id)
          return answer
        }),
    })
  return [op('add', addInterface), op('remove', removeInterface)]
}

export async function addInterface(tx: Ctx, router: RouterRow, ref: Ref): Promise<unknown> {
  if (ref.port_id !== undefined && ref.subnet_id !== undefined)
    throw badRequest('Bad router request: Cannot specify both subnet-id and port-id.')
  if (ref.port_id !== undefined) return await addByPort(tx, router, ref.port_id)
  if (ref.subnet_id !== undefined) return await addBySubnet(tx, router, ref.subnet_id)
  throw badRequest('Bad router request: Either subnet_id or port_id must be specified.')
}

async function addByPort(tx: Ctx, router: RouterRow, portId: string): Promise<unknown> {
  const port = await getPort(tx, portId)
  if (port.device_id !== '' || port.netns !== null) {
    throw neutronError(
      'conflict',
      'PortInUse',
      `Unable to complete operation on port ${port.id} for network ${port.network_id}. Port already has an attached device ${port.device_id}.`,
    )
  }
  const addresses = await addressesOf(tx, [port.id])
  const subnets = await subnetsById(
    tx,
    addresses.map(({ subnet_id }) => subnet_id),
  )
  if (subnets.length === 0)
    throw badRequest('Bad router request: Router port must have at least one fixed IP.')
  if (subnets.filter(({ version }) => version === 4).length > 1)
    throw badRequest('Bad router request: Cannot have multiple IPv4 subnets on router port.')
  for (const subnet of subnets) await checkSubnet(tx, router, subnet)
  await changeRow(tx, portSpec, port.id, {
    device_id: router.id,
    device_owner: 'network:router_interface',
    ...(port.name === '' ? {} : { name: port.name }),
  })
  return answerOf(
    router,
    port.id,
    port.network_id,
    addresses.map(({ subnet_id }) => subnet_id),
  )
}

async function addBySubnet(tx: Ctx, router: RouterRow, subnetId: string): Promise<unknown> {
  const subnet = await findRow<SubnetRow>(tx, subnetSpec, subnetId)
  if (subnet === undefined)
    throw neutronError('notFound', 'SubnetNotFound', `Subnet ${subnetId} could not be found.`)
  if (subnet.gateway === null)
    throw badRequest('Bad router request: Subnet for router interface must have a gateway IP.')
  await checkSubnet(tx, router, subnet)
  const fixed = { subnet_id: subnet.id, ip_address: subnet.gateway }
  const shared = subnet.version === 6 ? await ipv6Port(tx, router, subnet) : undefined
  if (shared !== undefined) {
    // further IPv6 subnets of a network share the router's port there
    await allocate(
      tx,
      { id: shared.id, networkId: shared.network_id },
      [{ kind: 'this', subnet, address: subnet.gateway }],
      (await addressesOf(tx, [shared.id])).length,
    )
    return answerOf(router, shared.id, shared.network_id, [subnet.id])
  }
  const { row } = await addPort(
    tx,
    { id: subnet.network_id },
    {
      projectId: router.project_id,
      name: '',
      deviceId: router.id,
      deviceOwner: 'network:router_interface',
      fixedIps: [fixed],
    },
  )
  return answerOf(router, row.id, subnet.network_id, [subnet.id])
}

async function checkSubnet(tx: Ctx, router: RouterRow, subnet: SubnetTable): Promise<void> {
  const network = await getNetwork(tx, subnet.network_id)
  if (network.external === 1)
    throw badRequest(
      `Bad router request: Network ${network.id} is external: it can be the router's gateway, not an interface.`,
    )
  const legs = await legsOf(tx, router.id)
  if (legs.some((leg) => leg.subnet_id === subnet.id))
    throw badRequest(`Bad router request: Router already has a port on subnet ${subnet.id}.`)
  mustNotOverlap(legs, subnet)
}

async function ipv6Port(
  tx: Ctx,
  router: RouterRow,
  subnet: SubnetTable,
): Promise<PortTable | undefined> {
  const legs = await legsOf(tx, router.id)
  const ports = await interfacePorts(tx, router.id)
  return ports.find(
    (port) =>
      port.network_id === subnet.network_id &&
      legs.filter((leg) => leg.port_id === port.id).every((leg) => leg.version === 6),
  )
}

function answerOf(
  router: RouterRow,
  portId: string,
  networkId: string,
  subnetIds: readonly string[],
): unknown {
  return {
    id: router.id,
    tenant_id: router.project_id,
    project_id: router.project_id,
    port_id: portId,
    network_id: networkId,
    subnet_id: subnetIds[0],
    subnet_ids: subnetIds,
  }
}

export async function removeInterface(tx: Ctx, router: RouterRow, ref: Ref): Promise<unknown> {
  if (ref.port_id === undefined && ref.subnet_id === undefined)
    throw badRequest('Bad router request: Either subnet_id or port_id must be specified.')
  const ports = await interfacePorts(tx, router.id)
  const portIds = ports.map(({ id }) => id)
  const addresses = await addressesOf(tx, portIds)
  const held = addresses.find(
    (address) =>
      (ref.port_id === undefined || address.port_id === ref.port_id) &&
      (ref.subnet_id === undefined || address.subnet_id === ref.subnet_id),
  )
  const port = ports.find(({ id }) => id === (held?.port_id ?? ref.port_id))
  if (port === undefined) throw noInterface(router, ref)
  if (held === undefined && ref.subnet_id !== undefined)
    throw neutronError(
      'conflict',
      'SubnetMismatchForPort',
      `Subnet on port ${port.id} does not match the requested subnet ${ref.subnet_id}.`,
    )
  const mine = addresses.filter((address) => address.port_id === port.id)
  // by subnet, only that subnet's address of a port with several goes
  const leaving = ref.port_id === undefined && held !== undefined && mine.length > 1 ? [held] : mine
  await mustBeUnused(tx, router, leaving)
  const freed = leaving.map(({ address }) => address)
  if (leaving.length < mine.length) await deleteAddresses(tx, port.network_id, freed)
  else await dropPort(tx, port)
  return answerOf(
    router,
    port.id,
    port.network_id,
    leaving.map(({ subnet_id }) => subnet_id),
  )
}

function noInterface(router: RouterRow, ref: Ref): Error {
  const [code, what] =
    ref.port_id === undefined
      ? ['RouterInterfaceNotFoundForSubnet', `subnet ${ref.subnet_id}`]
      : ['RouterInterfaceNotFound', `port ${ref.port_id}`]
  return neutronError('notFound', code, `Router ${router.id} does not have an interface on ${what}`)
}

async function mustBeUnused(
  tx: Ctx,
  router: RouterRow,
  leaving: readonly AddressTable[],
): Promise<void> {
  const subnets = await subnetsById(
    tx,
    leaving.map(({ subnet_id }) => subnet_id),
  )
  const routes = fromJson<Route[]>(router.routes)
  const reached = [
    ...(await floatingIpsOfRouter(tx, router.id)).flatMap(
      ({ fixed_address }) => fixed_address ?? [],
    ),
    ...(await addressesForwardedTo(tx, router.id)),
  ]
  for (const subnet of subnets) {
    await mustNotProxy(tx, router.id, subnet)
    if (routes.some(({ nexthop }) => holds(subnet.cidr, nexthop))) {
      throw neutronError(
        'conflict',
        'RouterInterfaceInUseByRoute',
        `Router interface for subnet ${subnet.id} on router ${router.id} cannot be deleted, as it is required by one or more routes.`,
      )
    }
    if (reached.some((address) => holds(subnet.cidr, address))) {
      throw neutronError(
        'conflict',
        'RouterInterfaceInUseByFloatingIP',
        `Router interface for subnet ${subnet.id} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
      )
    }
  }
}
