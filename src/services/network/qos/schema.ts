import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Flag, Text, TextOr } from '../standard/schema.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'

/**
 * Limits and marks are enforced on packets; the two minima are recorded, and shown to schedulers as what a port asks for
 * (`resource_request`).
 */
export type RuleType =
  | 'bandwidth_limit'
  | 'dscp_marking'
  | 'minimum_bandwidth'
  | 'minimum_packet_rate'

/** A named set of rules that networks, ports, floating addresses and gateways can be put under. */
export interface PolicyTable extends StandardTable {
  /** 1: new networks of its project are under it. */
  is_default: number
}

/** One rule. Which columns have a value depends on its type (`rule-types.ts`). */
export interface RuleTable extends StandardTable {
  policy_id: string
  type: RuleType
  direction: 'egress' | 'ingress' | 'any' | null
  /** Kilobits or thousands of packets per second. */
  rate: number | null
  /** Kilobits. */
  burst: number | null
  dscp: number | null
}

export type PolicyRow = PolicyTable & StandardRow
export type RuleRow = RuleTable & StandardRow

const attributes = { shared: Type.Optional(Flag), is_default: Type.Optional(Flag) }

export const NewPolicy = creation({ ...attributes, description: TextOr('', 1024) })
export const PolicyChange = change({ ...attributes, description: Type.Optional(Text(1024)) })

export type NewPolicyWish = Static<typeof NewPolicy>
export type PolicyChangeWish = Static<typeof PolicyChange>
