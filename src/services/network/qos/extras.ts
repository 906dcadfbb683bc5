import type { QosSpec } from '../../../ports/network.ts'
import type { PortExtras } from '../wiring/extras.ts'
import type { RouterExtras } from '../wiring/router-extras.ts'
import type { RuleTable } from './schema.ts'
import { qosSpecOf } from './spec.ts'
import { rulesOfPorts, rulesOfRouter } from './store.ts'

/** What the policies say to the engine. */
export const qosOfPorts: PortExtras = async (ctx, portIds) =>
  new Map([...specsOf(await rulesOfPorts(ctx, portIds))].map(([id, qos]) => [id, { qos }] as const))

export const qosOfRouter: RouterExtras = async (ctx, routerId) => ({
  qos: specsOf(await rulesOfRouter(ctx, routerId)),
})

function specsOf(rules: ReadonlyMap<string, readonly RuleTable[]>): ReadonlyMap<string, QosSpec> {
  return new Map(
    [...rules].flatMap(([subject, list]) => {
      const spec = qosSpecOf(list)
      return spec === undefined ? [] : [[subject, spec] as const]
    }),
  )
}
