import { randomBytes, randomUUID } from 'node:crypto'
import { createLinuxNetwork, purgeLinuxNetwork } from '../../../src/engines/linux/index.ts'
import { run, tryRun } from '../../../src/kernel/exec/run.ts'
import { networkSpec, portSpec } from '../../../src/ports/contract/network-specs.ts'
import { atMost, type Row } from '../row.ts'
import { median, range, timed } from '../statistics.ts'

/** The network engine alone: a port with its link, its filters and the guest's addresses, in a network of a few. */
export const plugRow: Row = {
  what: 'plug one port',
  unit: 'ms',
  budget: atMost(5),
  async measure(stand) {
    const cloud = randomBytes(2).toString('hex')
    const port = createLinuxNetwork({ cloud, log: { debug: () => undefined } })
    const guests = range(stand.times(30, 8)).map((at) => `syb${cloud}-${at}`)
    try {
      const network = networkSpec(randomUUID(), '10.0.0.0/24')
      await port.ensureNetwork(network)
      const ours: number[] = []
      for (const [at, guest] of guests.entries()) {
        await run('ip', ['netns', 'add', guest])
        const spec = portSpec(network.id, `10.0.0.${at + 2}`)
        const place = { netns: `/run/netns/${guest}`, ifname: 'eth0' }
        ours.push((await timed(async () => await port.plug(spec, place))).ms)
      }
      const note = `a namespace each, ${ours.length} times`
      return { ours: median(ours), note, samples: { ours } }
    } finally {
      await port.close()
      await purgeLinuxNetwork(cloud)
      for (const guest of guests) await tryRun('ip', ['netns', 'del', guest])
    }
  },
}
