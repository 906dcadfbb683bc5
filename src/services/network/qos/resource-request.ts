import { createHash } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { seesAll } from '../standard/access.ts'
import { addition, type Addition } from '../standard/addition.ts'
import type { StandardRow, View } from '../standard/schema.ts'
import type { RuleTable } from './schema.ts'
import { physicalNetworks, policiesOfNetworks, rulesOf } from './store.ts'

type PortRow = StandardRow & {
  readonly network_id: string
  readonly device_owner: string
  readonly vnic_type: string
  readonly qos_policy: string | null
}

/** `resource_request` of ports: what their policy promises them, for schedulers (extensions port-resource-request and -groups). */
export const resourceRequests: Addition = addition<PortRow>({ to: 'port', views: requestViews })

async function requestViews(ctx: Ctx, rows: readonly PortRow[]): Promise<readonly View[]> {
  if (!seesAll(ctx)) return rows.map(() => ({}))
  const networks = await policiesOfNetworks(
    ctx,
    rows.map(({ network_id }) => network_id),
  )
  const policyOf = (row: PortRow): string =>
    row.qos_policy ??
    (row.device_owner.startsWith('network:') ? undefined : networks.get(row.network_id)) ??
    ''
  const policies = [...new Set(rows.map(policyOf))].filter((id) => id !== '')
  const rules = Map.groupBy(await rulesOf(ctx, policies), ({ policy_id }) => policy_id)
  const physical = rules.size === 0 ? new Map<string, string>() : await physicalNetworks(ctx)
  return rows.map((row) => ({
    resource_request: requestOf(row, rules.get(policyOf(row)) ?? [], physical.get(row.network_id)),
  }))
}

/** Pure. */
export function requestOf(
  port: Pick<PortRow, 'id' | 'vnic_type'>,
  rules: readonly RuleTable[],
  physical: string | undefined,
): View | null {
  const vnic = `CUSTOM_VNIC_TYPE_${trait(port.vnic_type)}`
  const net = physical === undefined ? [] : [`CUSTOM_PHYSNET_${trait(physical)}`]
  const groups = [
    groupOf(port.id, 'minimum_bandwidth', [...net, vnic], rules),
    groupOf(port.id, 'minimum_packet_rate', [vnic], rules),
  ].flatMap((group) => group ?? [])
  if (groups.length === 0) return null
  return { request_groups: groups, same_subtree: groups.map(({ id }) => id) }
}

interface Group {
  readonly id: string
  readonly required: readonly string[]
  readonly resources: Readonly<Record<string, number>>
}

const resourceNames: Readonly<Record<string, string>> = {
  'minimum_bandwidth egress': 'NET_BW_EGR_KILOBIT_PER_SEC',
  'minimum_bandwidth ingress': 'NET_BW_IGR_KILOBIT_PER_SEC',
  'minimum_packet_rate egress': 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC',
  'minimum_packet_rate ingress': 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC',
  'minimum_packet_rate any': 'NET_PACKET_RATE_KILOPACKET_PER_SEC',
}

function groupOf(
  portId: string,
  type: RuleTable['type'],
  required: readonly string[],
  rules: readonly RuleTable[],
): Group | undefined {
  const resources = rules
    .filter((rule) => rule.type === type)
    .map((rule) => [resourceNames[`${type} ${rule.direction}`] ?? type, rule.rate ?? 0] as const)
  if (resources.length === 0) return undefined
  return { id: groupId(portId, type), required, resources: Object.fromEntries(resources) }
}

const trait = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_')

/** The same whenever asked: schedulers remember what they gave to which group. */
function groupId(portId: string, type: string): string {
  const hex = createHash('sha256').update(`${portId} ${type}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
