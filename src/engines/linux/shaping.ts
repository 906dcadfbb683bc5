import { run, tryRun } from '../../kernel/exec/run.ts'
import type { BandwidthSpec, PortSpec, QosSpec } from '../../ports/network.ts'
import { LINK_GROUP, portLink, shaperLink } from './names.ts'
import type { Segment } from './segment.ts'

/**
 * Bandwidth limits of a port, made with what every kernel has. What goes to the guest is queued by a token bucket on its
 * bridge end. What comes from the guest cannot be queued where it comes in, so it is led through an `ifb`, a link whose only
 * purpose is to have a queue, and comes back to the bridge end from there. Limits that stay the same cost nothing.
 */
export async function shape(segment: Segment, port: PortSpec, made: boolean): Promise<void> {
  const want = limitsOf(port.qos)
  const before = segment.shaped.get(port.id)
  const had = made ? {} : before
  const { ip, tc } = shapingLines(port, want, had)
  // A new link has no limits, but the queue of the one before it may be left.
  const unsure = made ? (want.egress ?? before?.egress) !== undefined : before === undefined
  if (unsure && (await isShaped(segment.netns, port.id))) await clear(segment, port.id)
  if (ip.length > 0)
    await run('ip', ['-n', segment.netns, '-batch', '-'], { input: `${ip.join('\n')}\n` })
  if (tc.length > 0)
    await run('tc', ['-n', segment.netns, '-batch', '-'], { input: `${tc.join('\n')}\n` })
  segment.shaped.set(port.id, want)
}

/** The port's own link is gone or goes; this takes what would be left. */
export async function unshape(segment: Segment, portId: string): Promise<void> {
  const had = segment.shaped.get(portId)
  if (had !== undefined && had.egress === undefined) return
  await tryRun('ip', ['-n', segment.netns, 'link', 'del', 'dev', shaperLink(portId)])
}

type Limits = Pick<QosSpec, 'egress' | 'ingress'>

const limitsOf = (qos: QosSpec | undefined): Limits => ({
  ...(qos?.egress === undefined ? {} : { egress: qos.egress }),
  ...(qos?.ingress === undefined ? {} : { ingress: qos.ingress }),
})

/** From limits that are in force to those wanted; pure. Unknown ones are taken for none, after a `clear`. */
export function shapingLines(
  port: Pick<PortSpec, 'id' | 'mtu'>,
  want: Limits,
  had: Limits = {},
): { readonly ip: readonly string[]; readonly tc: readonly string[] } {
  const link = portLink(port.id)
  const queue = shaperLink(port.id)
  const changed = (direction: keyof Limits): boolean =>
    JSON.stringify(want[direction]) !== JSON.stringify(had[direction])
  const ip: string[] = []
  const tc: string[] = []
  if (changed('ingress')) {
    tc.push(
      want.ingress === undefined
        ? `qdisc del dev ${link} root`
        : `qdisc replace dev ${link} root ${bucket(want.ingress, port.mtu)}`,
    )
  }
  if (changed('egress')) {
    if (want.egress === undefined) {
      tc.push(`qdisc del dev ${link} ingress`)
      ip.push(`link del dev ${queue}`)
    } else {
      if (had.egress === undefined) {
        ip.push(
          `link add dev ${queue} group ${LINK_GROUP} type ifb`,
          `link set dev ${queue} addrgenmode none up`,
        )
        tc.push(
          `qdisc add dev ${link} handle ffff: ingress`,
          `filter add dev ${link} parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev ${queue}`,
        )
      }
      tc.push(`qdisc replace dev ${queue} root ${bucket(want.egress, port.mtu)}`)
    }
  }
  return { ip, tc }
}

const BITS_PER_KBIT = 1000
/** What may pass at once when nobody said how much: as much as the rate gives in this time. */
const BURST_SECONDS = 0.05

/** A bucket must hold a few whole frames, or none would ever pass. */
function bucket(limit: BandwidthSpec, mtu: number): string {
  const asked =
    limit.burstKbits === undefined || limit.burstKbits === 0
      ? limit.kbps * BURST_SECONDS
      : limit.burstKbits
  const burst = Math.max(Math.ceil((asked * BITS_PER_KBIT) / 8), 3 * (mtu + 18))
  return `tbf rate ${limit.kbps}kbit burst ${burst}b latency 50ms`
}

/** One look at the link: whether anything but the kernel's own queue hangs on it, or a queue of ours is left. */
async function isShaped(netns: string, portId: string): Promise<boolean> {
  const said = await tryRun('tc', ['-n', netns, 'qdisc', 'show', 'dev', portLink(portId)])
  if (/\b(tbf|ingress)\b/.test(said.stdout)) return true
  return (await tryRun('ip', ['-n', netns, 'link', 'show', 'dev', shaperLink(portId)])).code === 0
}

async function clear(segment: Segment, portId: string): Promise<void> {
  const link = portLink(portId)
  const enter = ['-n', segment.netns]
  await tryRun('tc', [...enter, 'qdisc', 'del', 'dev', link, 'root'])
  await tryRun('tc', [...enter, 'qdisc', 'del', 'dev', link, 'ingress'])
  await tryRun('ip', [...enter, 'link', 'del', 'dev', shaperLink(portId)])
}
