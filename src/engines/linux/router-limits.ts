import { run, tryRun } from '../../kernel/exec/run.ts'
import type { RouterSpec } from '../../ports/network.ts'
import type { LinkFact } from './link-facts.ts'
import { gatewayLeg, gatewayMirror } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { qosPlan, type QosPlan } from './router-qos.ts'

/** Brings a router's limits into the kernel. They are made anew as a whole: only what waits in a queue at that moment is lost. */
export async function writeLimits(
  namespaces: Namespaces,
  netns: string,
  spec: RouterSpec,
  seen: readonly LinkFact[],
): Promise<void> {
  const { lines, mirrored } = qosPlan(spec)
  const gateway = gatewayLeg(spec.id)
  const mirror = gatewayMirror(spec.id)
  const leftovers = seen.some(
    (link) => link.ifname === mirror || (link.ifname === gateway && link.qdisc === 'htb'),
  )
  if (lines.length === 0 && !leftovers) return
  const clear = [`qdisc del dev ${gateway} ingress`, `qdisc del dev ${gateway} root`]
  await tryRun('tc', ['-n', netns, '-force', '-batch', '-'], { input: `${clear.join('\n')}\n` })
  await namespaces.ip(netns, [`link del dev ${mirror}`], /Cannot find device/)
  if (mirrored)
    await namespaces.ip(netns, [`link add ${mirror} type ifb`, `link set dev ${mirror} up`])
  if (lines.length > 0)
    await run('tc', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

/** In words what differs, as far as it shows without looking into the queues. */
export async function limitsDrift(
  netns: string,
  spec: RouterSpec,
  seen: readonly LinkFact[],
): Promise<string[]> {
  const plan = qosPlan(spec)
  const found = [gatewayLeg(spec.id), gatewayMirror(spec.id)].map(async (dev) => {
    const wanted = linesOf(plan, 'class', dev)
    const link = seen.find(({ ifname }) => ifname === dev)
    if ((link?.qdisc === 'htb') !== wanted > 0) return [`the limits of ${dev} are not those wanted`]
    if (wanted === 0) return []
    const [classes, filters] = await Promise.all([
      run('tc', ['-n', netns, 'class', 'show', 'dev', dev]),
      run('tc', ['-n', netns, 'filter', 'show', 'dev', dev, 'parent', '1:']),
    ])
    const same =
      count(classes, /^class htb /gm) === wanted &&
      count(filters, /flowid 1:/g) === linesOf(plan, 'filter', dev)
    return same ? [] : [`the limits of ${dev} are not those wanted`]
  })
  return (await Promise.all(found)).flat()
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length

const linesOf = ({ lines }: QosPlan, kind: 'class' | 'filter', dev: string): number =>
  lines.filter((line) => line.startsWith(`${kind} add dev ${dev} parent 1:`)).length
