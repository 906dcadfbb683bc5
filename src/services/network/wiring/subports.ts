import type { Ctx } from '../../../kernel/ctx/ctx.ts'

/**
 * What the wiring asks of trunks. A parent's sub-ports are plugged and unplugged with it; the workload that has the parent does
 * not know them. Whoever adds a sub-port to a trunk or takes one out nudges `kinds.port` with the sub-port's id, in the same
 * transaction: whether it is to be plugged, and where, follows from these answers.
 */
export interface Trunks {
  /** The sub-ports of the trunk that has this parent; none for any other port. */
  subportsOf(ctx: Ctx, parentPortId: string): Promise<readonly Subport[]>
  /** Asked only for ports whose device owner is `trunk:subport`. */
  parentOf(ctx: Ctx, portId: string): Promise<TrunkPlace | undefined>
}

export interface Subport {
  readonly portId: string
  readonly vlan: number
}

export interface TrunkPlace {
  readonly parentPortId: string
  readonly vlan: number
}

export const SUBPORT_OWNER = 'trunk:subport'

export const noTrunks: Trunks = {
  subportsOf: async () => await Promise.resolve([]),
  parentOf: async () => await Promise.resolve(undefined),
}
