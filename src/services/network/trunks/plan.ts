import { badRequest, invalidInput } from '../fault.ts'
import type { SubportWish } from './schema.ts'

/** A sub-port as asked for; without a VLAN it takes that of its network. */
export interface PlannedSubport {
  readonly portId: string
  readonly vlan: number | undefined
}

const MOST = 4094

/** What can be said of a request to add sub-ports without looking at what there is. Pure; 400s. */
export function planSubports(asked: readonly SubportWish[]): readonly PlannedSubport[] {
  const plan = asked.map((subport) => ({ portId: subport.port_id, vlan: vlanOf(subport) }))
  const ports = plan.map(({ portId }) => portId)
  const portTwice = ports.find((id, at) => ports.indexOf(id) !== at)
  if (portTwice !== undefined) throw badRequest(`Port ${portTwice} is not unique.`)
  const vlans = plan.flatMap(({ vlan }) => vlan ?? [])
  const vlanTwice = vlans.find((vlan, at) => vlans.indexOf(vlan) !== at)
  if (vlanTwice !== undefined) throw badRequest(`Segmentation ID '${vlanTwice}' is not unique.`)
  return plan
}

function vlanOf(subport: SubportWish): number | undefined {
  const { segmentation_type: type, segmentation_id: id } = subport
  if (type === 'inherit') return undefined
  if (type === undefined || id === undefined || id === null)
    throw badRequest(
      `Invalid subport details of port ${subport.port_id}: missing segmentation information. Must specify both segmentation_id and segmentation_type.`,
    )
  if (type !== 'vlan')
    throw invalidInput(`segmentation_type '${type}' is not supported: use vlan or inherit`)
  const vlan = Number(id)
  if (vlan < 1 || vlan > MOST)
    throw invalidInput(`segmentation_id '${vlan}' is not a VLAN id, 1 to ${MOST}`)
  return vlan
}
