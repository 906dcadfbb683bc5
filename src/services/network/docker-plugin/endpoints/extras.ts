import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { isIP } from 'node:net'
import { randomUUID } from 'node:crypto'
import { invalidInput, neutronError } from '../../fault.ts'
import { dropFloatingIp } from '../../floating-ips/effects.ts'
import type { FloatingIpRow } from '../../floating-ips/schema.ts'
import { floatingIpSpec } from '../../floating-ips/store.ts'
import type { NetworkRow } from '../../networks/schema.ts'
import { networkSpec } from '../../networks/store.ts'
import type { PortRow } from '../../ports/schema.ts'
import { policyChanged } from '../../qos/effects.ts'
import { insertRule } from '../../qos/store.ts'
import { rowsBy } from '../../standard/store.ts'
import { newRow } from '../../tables.ts'
import type { PluginDeps } from '../deps.ts'
import type { EndpointOptions } from '../options.ts'

/** What an endpoint's options brought, to be taken away with it. */
export interface Extras {
  readonly floatingIp?: { readonly id: string; readonly made: boolean }
  /** A policy made for a bare number of kbit/s. */
  readonly qosPolicy?: string
}

/** Security groups, QoS, a name, a floating IP. All of it or, by the transaction, nothing. */
export async function giveExtras(
  tenant: Ctx,
  deps: PluginDeps,
  port: PortRow,
  endpointId: string,
  options: EndpointOptions,
): Promise<Extras> {
  const { neutron } = deps
  const groups: string[] = []
  for (const name of options.groups ?? [])
    groups.push((await neutron.named(tenant, 'security_group', name)).id)
  const qos = await qosFor(tenant, deps, port, endpointId, options.qos)
  await neutron.update(asCloud(tenant), 'port', port.id, {
    ...(options.groups === undefined ? {} : { security_groups: [...new Set(groups)] }),
    ...(options.dns === undefined ? {} : { dns_name: options.dns }),
    ...(qos === undefined ? {} : { qos_policy_id: qos.id }),
  })
  const floatingIp =
    options.floatingIp === undefined
      ? undefined
      : await giveFloatingIp(tenant, deps, port, options.floatingIp)
  return {
    ...(floatingIp === undefined ? {} : { floatingIp }),
    ...(qos?.made === true ? { qosPolicy: qos.id } : {}),
  }
}

interface Qos {
  readonly id: string
  readonly made: boolean
}

async function qosFor(
  tenant: Ctx,
  { neutron }: PluginDeps,
  port: PortRow,
  endpointId: string,
  asked: string | undefined,
): Promise<Qos | undefined> {
  if (asked === undefined) return undefined
  const bare = /^(\d{1,9})(kbps|kbit)?$/i.exec(asked)
  if (bare === null) return { id: (await neutron.named(tenant, 'policy', asked)).id, made: false }
  const kbps = Number(bare[1])
  if (kbps === 0) throw invalidInput('stackyard.qos must be more than 0 kbit/s.')
  const cloud = asCloud(tenant)
  const name = `kuryr-qos-${endpointId.slice(0, 12)}`
  const id = await neutron.create(cloud, 'policy', { name }, port.project_id)
  for (const direction of ['egress', 'ingress'] as const)
    await insertRule(cloud, {
      ...newRow(cloud, randomUUID(), port.project_id, {}),
      policy_id: id,
      type: 'bandwidth_limit',
      direction,
      rate: kbps,
      burst: 0,
      dscp: null,
    })
  await policyChanged(cloud, id)
  return { id, made: true }
}

async function giveFloatingIp(
  tenant: Ctx,
  deps: PluginDeps,
  port: PortRow,
  asked: string,
): Promise<NonNullable<Extras['floatingIp']>> {
  if (asked === 'auto') {
    const wish = { floating_network_id: await externalNetwork(tenant), port_id: port.id }
    return {
      id: await deps.neutron.create(tenant, 'floatingip', wish, port.project_id),
      made: true,
    }
  }
  const floating = await findFloatingIp(tenant, deps, asked)
  if (floating.port_id !== null)
    throw neutronError(
      'conflict',
      'FloatingIPInUse',
      `Floating IP ${floating.address} leads to port ${floating.port_id} already.`,
    )
  await deps.neutron.update(tenant, 'floatingip', floating.id, { port_id: port.id })
  return { id: floating.id, made: false }
}

async function findFloatingIp(
  tenant: Ctx,
  { neutron }: PluginDeps,
  asked: string,
): Promise<FloatingIpRow> {
  if (isIP(asked) === 0) return await neutron.get<FloatingIpRow>(tenant, 'floatingip', asked)
  const [row] = await rowsBy<FloatingIpRow>(tenant, floatingIpSpec, 'address', [asked])
  if (row !== undefined) return row
  throw neutronError('notFound', 'FloatingIPNotFound', `Floating IP ${asked} could not be found.`)
}

/** The default external network, or the first. */
async function externalNetwork(tenant: Ctx): Promise<string> {
  const rows = await rowsBy<NetworkRow>(tenant, networkSpec, 'external', ['1'])
  const row = rows.find(({ is_default }) => is_default === 1) ?? rows[0]
  if (row !== undefined) return row.id
  throw neutronError(
    'notFound',
    'NetworkNotFound',
    'There is no external network that a floating IP could come from.',
  )
}

export async function takeExtras(
  cloud: Ctx,
  { neutron }: PluginDeps,
  extras: Extras,
  portId: string,
): Promise<void> {
  if (extras.floatingIp !== undefined) {
    const { id, made } = extras.floatingIp
    const row = await neutron.find<FloatingIpRow>(cloud, 'floatingip', id)
    if (row !== undefined && made) await dropFloatingIp(cloud, row)
    else if (row?.port_id === portId)
      await neutron.update(cloud, 'floatingip', id, { port_id: null })
  }
  if (extras.qosPolicy === undefined) return
  const port = await neutron.view(cloud, 'port', portId)
  if (port?.['qos_policy_id'] === extras.qosPolicy)
    await neutron.update(cloud, 'port', portId, { qos_policy_id: null })
  await neutron.remove(cloud, 'policy', extras.qosPolicy)
}
