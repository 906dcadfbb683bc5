import { cpuSeconds } from '../proc.ts'
import { atMost, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, median, range, timed } from '../statistics.ts'

/** Many at once: more than there are spare sandboxes, so that most of them have to be made on the way. */
const WIDTH = 8
const POLL_MS = 50

export const burstRow: Row = {
  what: '50 creates, 8 at once, until all run',
  unit: 'ms',
  budget: atMost(1.2, 'ratio'),
  async measure(stand) {
    const cloud = await stand.real()
    await stand.raw.prepare()
    await cloud.deleteServers([await cloud.createServer()]) // the image is loaded and the network is on the host
    const count = stand.times(50, 20)
    const ours: number[] = []
    const raw: number[] = []
    const cpu: number[] = []
    for (const _ of range(stand.times(3, 1))) {
      const before = await cpuSeconds(cloud.pid)
      ours.push(await ourBurst(stand, count))
      cpu.push((await cpuSeconds(cloud.pid)) - before)
      raw.push(await rawBurst(stand, count))
    }
    const note = `${count} servers, ${ours.length} ${ours.length === 1 ? 'time' : 'times'} each, in turn; our process used ${median(cpu).toFixed(1)} s of CPU time per burst, deleting included`
    return { ours: median(ours), raw: median(raw), note, samples: { ours, raw } }
  },
}

async function ourBurst(stand: Stand, count: number): Promise<number> {
  const cloud = await stand.real()
  await cloud.untilPoolIsFull(stand.raw)
  const { ms, answer: ids } = await timed(async () => {
    const made = await inFlight(WIDTH, range(count), async () => await cloud.createServer())
    await cloud.untilAllActive(count, POLL_MS)
    return made
  })
  await cloud.deleteServers(ids)
  await cloud.untilPoolIsFull(stand.raw) // its making must not fall into the raw engine's turn
  return ms
}

async function rawBurst(stand: Stand, count: number): Promise<number> {
  const { ms, answer: ids } = await timed(
    async () => await inFlight(WIDTH, range(count), async () => await stand.raw.run()),
  )
  await stand.raw.remove(ids)
  return ms
}
