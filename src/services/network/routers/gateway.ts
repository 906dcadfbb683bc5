import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { parseCidr, overlaps } from '../addressing/cidr.ts'
import { badRequest, neutronError } from '../fault.ts'
import { floatingIpsOfRouter } from '../floating-ips/store.ts'
import { getNetwork } from '../networks/store.ts'
import { addPort, dropPort } from '../ports/create.ts'
import { anyPort } from '../ports/store.ts'
import { setGatewayPolicy } from '../qos/gateway.ts'
import { setPolicy } from '../qos/store.ts'
import { bit } from '../standard/schema.ts'
import { changeRow } from '../standard/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import type { NetworkTable } from '../tables.ts'
import type { GatewayWish, RouterRow } from './schema.ts'
import { legsOf, routerSpec, type Leg } from './store.ts'

type Router = Pick<RouterRow, 'id' | 'gateway_network' | 'gateway_port' | 'snat' | 'qos_policy'>

/** Parts of the gateway that only admins may choose, each with a rule of its own. */
export const gatewayRules = ['enable_snat', 'external_fixed_ips'] as const

/** Gives the router its way out, another one, or none. */
export async function setGateway(
  tx: Ctx,
  router: Router,
  wish: GatewayWish | null,
  verb: 'create' | 'update',
): Promise<void> {
  mayChoose(tx, wish, verb)
  const networkId = wish?.network_id ?? null
  if (networkId === null || wish === null) return await clearGateway(tx, router)
  const network = await externalNetwork(tx, networkId)
  const snat = bit(
    wish.enable_snat,
    router.gateway_network === networkId ? router.snat === 1 : true,
  )
  if (router.gateway_network !== networkId || wish.external_fixed_ips !== undefined) {
    if (router.gateway_network !== null && router.gateway_network !== networkId)
      await mustBeFree(tx, router)
    await checkApart(tx, router, network.id)
    await dropGatewayPort(tx, router)
    const port = await addGatewayPort(tx, router, network, wish)
    await changeRow(tx, routerSpec, router.id, {
      gateway_network: networkId,
      gateway_port: port,
      snat,
    })
  } else {
    await changeRow(tx, routerSpec, router.id, { snat })
  }
  await setGatewayPolicy(tx, router, wish.qos_policy_id)
}

function mayChoose(ctx: Ctx, wish: GatewayWish | null, verb: 'create' | 'update'): void {
  for (const part of gatewayRules) {
    const rule = `${verb}_router:external_gateway_info:${part}`
    if (wish?.[part] === undefined || can(ctx, `network:${rule}`)) continue
    throw neutronError('forbidden', 'PolicyNotAuthorized', `(rule:${rule}) is disallowed by policy`)
  }
}

async function addGatewayPort(
  tx: Ctx,
  router: Router,
  network: NetworkTable,
  wish: GatewayWish,
): Promise<string> {
  const { row } = await addPort(tx, network, {
    projectId: '',
    name: '',
    deviceId: router.id,
    deviceOwner: 'network:router_gateway',
    ...(wish.external_fixed_ips === undefined ? {} : { fixedIps: wish.external_fixed_ips }),
  })
  return row.id
}

async function externalNetwork(tx: Ctx, id: string): Promise<NetworkTable> {
  const network = await getNetwork(tx, id)
  if (network.external === 1) return network
  throw badRequest(`Bad router request: Network ${id} is not an external network.`)
}

async function clearGateway(tx: Ctx, router: Router): Promise<void> {
  if (router.gateway_network === null) return
  await mustBeFree(tx, router)
  await dropGatewayPort(tx, router)
  await setPolicy(tx, 'net_routers', router.id, null)
  await changeRow(tx, routerSpec, router.id, { gateway_network: null, gateway_port: null, snat: 1 })
}

async function mustBeFree(tx: Ctx, router: Router): Promise<void> {
  if ((await floatingIpsOfRouter(tx, router.id)).length === 0) return
  throw neutronError(
    'conflict',
    'RouterExternalGatewayInUseByFloatingIp',
    `Gateway cannot be updated for router ${router.id}, since a gateway to external network ${router.gateway_network} is required by one or more floating IPs.`,
  )
}

async function dropGatewayPort(tx: Ctx, router: Router): Promise<void> {
  const port = router.gateway_port === null ? undefined : await anyPort(tx, router.gateway_port)
  if (port !== undefined) await dropPort(tx, port)
}

async function checkApart(tx: Ctx, router: Router, externalId: string): Promise<void> {
  const legs = (await legsOf(tx, router.id)).filter(
    (leg) => leg.owner === 'network:router_interface',
  )
  for (const subnet of await subnetsIn(tx, externalId)) mustNotOverlap(legs, subnet)
}

/** A router cannot tell two subnets apart that share addresses. */
export function mustNotOverlap(
  legs: readonly Pick<Leg, 'cidr' | 'subnet_id'>[],
  subnet: { readonly id: string; readonly cidr: string },
): void {
  const mine = parseCidr(subnet.cidr)
  const hit = legs.find((leg) => {
    const other = parseCidr(leg.cidr)
    return mine !== undefined && other !== undefined && overlaps(mine, other)
  })
  if (hit === undefined) return
  throw badRequest(
    `Bad router request: Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${hit.cidr} of subnet ${hit.subnet_id}.`,
  )
}
