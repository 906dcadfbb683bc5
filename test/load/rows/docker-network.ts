import { atMost, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { median, range, timed } from '../statistics.ts'

/** Plain Docker with our network driver, beside plain Docker with its own: what Kuryr's users wait for. */
export const dockerNetworkRow: Row = {
  what: '`docker run` on a tenant’s network (`docker network create -d kuryr`), create → start answered',
  unit: 'ms',
  budget: atMost(1.2, 'ratio'),
  async measure(stand) {
    const cloud = await stand.real()
    await stand.raw.prepare()
    const network = await stand.raw.network(cloud.driver)
    try {
      await turn(stand, network)
      const ours: number[] = []
      const raw: number[] = []
      for (const _ of range(stand.times(20, 5))) {
        ours.push(await turn(stand, network))
        raw.push(await turn(stand))
      }
      const note = `${ours.length} times each, in turn`
      return { ours: median(ours), raw: median(raw), note, samples: { ours, raw } }
    } finally {
      await stand.raw.removeNetwork(network)
    }
  },
}

async function turn(stand: Stand, network?: string): Promise<number> {
  const { ms, answer } = await timed(async () => await stand.raw.run(network))
  await stand.raw.remove([answer])
  return ms
}
