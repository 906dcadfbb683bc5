import type { BandwidthSpec, QosSpec } from '../../../ports/network.ts'
import type { RuleTable } from './schema.ts'

/** Rules turned into what the network port enforces; undefined when nothing is. A rate of 0 limits nothing, as in Neutron. */
export function qosSpecOf(rules: readonly RuleTable[] | undefined): QosSpec | undefined {
  const egress = bandwidthOf(rules, 'egress')
  const ingress = bandwidthOf(rules, 'ingress')
  const dscp = rules?.find(({ type }) => type === 'dscp_marking')?.dscp ?? undefined
  if (egress === undefined && ingress === undefined && dscp === undefined) return undefined
  return {
    ...(egress === undefined ? {} : { egress }),
    ...(ingress === undefined ? {} : { ingress }),
    ...(dscp === undefined ? {} : { dscp }),
  }
}

function bandwidthOf(
  rules: readonly RuleTable[] | undefined,
  direction: 'egress' | 'ingress',
): BandwidthSpec | undefined {
  const rule = rules?.find(
    (one) => one.type === 'bandwidth_limit' && one.direction === direction && one.rate !== 0,
  )
  if (rule === undefined || rule.rate === null) return undefined
  return {
    kbps: rule.rate,
    ...(rule.burst === null || rule.burst === 0 ? {} : { burstKbits: rule.burst }),
  }
}
