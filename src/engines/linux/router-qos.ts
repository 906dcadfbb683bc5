import type { BandwidthSpec, QosSpec, RouterSpec } from '../../ports/network.ts'
import { canonical, familyOf } from './addresses.ts'
import { gatewayLeg, gatewayMirror } from './names.ts'

/**
 * Limits of a router's gateway and of its floating addresses as `tc` lines; pure. On the way out the gateway's own queue
 * has one class per limited address, told by the source it leaves under; on the way in the packets take a detour by an ifb
 * link with the same classes, told by the destination they came for. A floating address's class is within the gateway's.
 */
export interface QosPlan {
  /** Needs the link that packets come in by. */
  readonly mirrored: boolean
  readonly lines: readonly string[]
}

type Direction = 'egress' | 'ingress'

const PARENT = 'fffe'
const REST = 'fffd'
/** Largest burst that nobody asked for: what flows in a tenth of a second. */
const BURST_SECONDS = 0.1
/** Longest that a packet waits in the queue. */
const QUEUE_SECONDS = 0.2

export function qosPlan(spec: RouterSpec): QosPlan {
  const gateway = gatewayLeg(spec.id)
  const mirror = gatewayMirror(spec.id)
  const outward = classLines(spec, 'egress', gateway)
  const inward = classLines(spec, 'ingress', mirror)
  const mirrored = inward.length > 0
  const detour = ['ip', 'ipv6'].map(
    (protocol, at) =>
      `filter add dev ${gateway} parent ffff: protocol ${protocol} prio ${at + 1} u32 match u32 0 0 action mirred egress redirect dev ${mirror}`,
  )
  return {
    mirrored,
    lines: [
      ...outward,
      ...inward,
      ...(mirrored ? [`qdisc add dev ${gateway} handle ffff: ingress`, ...detour] : []),
    ],
  }
}

/** Per limited floating address its limits; of one that only forwards ports those of its forwardings. */
function limitedAddresses(spec: RouterSpec): Map<string, QosSpec> {
  const all = [...spec.floatingIps, ...(spec.portForwardings ?? [])]
  return new Map(
    all.flatMap(({ floating, qos }) =>
      qos === undefined || familyOf(floating) === 6 ? [] : [[canonical(floating), qos] as const],
    ),
  )
}

function classLines(spec: RouterSpec, direction: Direction, dev: string): string[] {
  if (spec.external === undefined) return []
  const whole = limitOf(spec.external.qos, direction)
  const limited = [...limitedAddresses(spec)].flatMap(([address, qos]) => {
    const limit = limitOf(qos, direction)
    return limit === undefined ? [] : [{ address, limit }]
  })
  if (whole === undefined && limited.length === 0) return []
  const parent = whole === undefined ? '1:' : `1:${PARENT}`
  return [
    // without a limit of the gateway what no class takes is not queued at all
    `qdisc add dev ${dev} root handle 1: htb default ${whole === undefined ? '0' : REST}`,
    ...(whole === undefined
      ? []
      : [
          `class add dev ${dev} parent 1: classid ${parent} htb ${rates(whole, whole)}`,
          ...leaf(dev, parent, REST, whole, true),
        ]),
    ...limited.flatMap(({ address, limit }, at) => {
      const id = (at + 1).toString(16)
      const side = direction === 'egress' ? 'src' : 'dst'
      return [
        ...leaf(dev, parent, id, limit, whole !== undefined),
        `filter add dev ${dev} parent 1: protocol ip prio 1 u32 match ip ${side} ${address}/32 flowid 1:${id}`,
      ]
    }),
  ]
}

/** A class that may take from its parent is given next to nothing of its own, else the parent's limit would not hold. */
function leaf(
  dev: string,
  parent: string,
  id: string,
  limit: BandwidthSpec,
  borrows: boolean,
): string[] {
  const bytes = Math.max(bytesIn(limit, QUEUE_SECONDS), 128 * 1024)
  const rate = borrows ? { kbps: 8 } : limit
  return [
    `class add dev ${dev} parent ${parent} classid 1:${id} htb ${rates(rate, limit)}`,
    `qdisc add dev ${dev} parent 1:${id} bfifo limit ${bytes}`,
  ]
}

function rates(rate: BandwidthSpec, ceil: BandwidthSpec): string {
  const burst =
    (ceil.burstKbits ?? 0) > 0 ? (ceil.burstKbits ?? 0) * 125 : bytesIn(ceil, BURST_SECONDS)
  return `rate ${rate.kbps}kbit ceil ${ceil.kbps}kbit burst ${Math.max(burst, 3000)} cburst ${Math.max(burst, 3000)} quantum 60000`
}

const bytesIn = ({ kbps }: BandwidthSpec, seconds: number): number =>
  Math.round(kbps * 125 * seconds)

/** 0 is Neutron's word for no limit. */
function limitOf(qos: QosSpec | undefined, direction: Direction): BandwidthSpec | undefined {
  const limit = qos?.[direction]
  return limit === undefined || limit.kbps <= 0 ? undefined : limit
}
