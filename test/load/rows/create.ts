import { containerName } from '../../../src/engines/docker/names.ts'
import { atMost, once, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { StartEvents } from '../start-events.ts'
import { median, range, timed } from '../statistics.ts'

/**
 * One server at a time, in turn with one container of Docker's own. A turn begins when nothing of the turn before is left
 * and the spare sandboxes are there again: what a user meets who creates a server now and then.
 */
export const createRows: readonly Row[] = [
  {
    what: '`POST /servers` → 202',
    unit: 'ms',
    budget: atMost(15),
    async measure(stand) {
      const { ours } = await series(stand)
      return measuredOf(ours.map(({ answeredMs }) => answeredMs))
    },
  },
  {
    what: 'create → running with its network, by the API (ACTIVE / start answered)',
    unit: 'ms',
    budget: atMost(0.6, 'ratio'),
    async measure(stand) {
      const { ours, raw } = await series(stand)
      return measuredOf(
        ours.map(({ runningMs }) => runningMs),
        raw.map(({ runningMs }) => runningMs),
      )
    },
  },
  {
    what: "create → running, by the engine's own event",
    unit: 'ms',
    budget: atMost(0.6, 'ratio'),
    async measure(stand) {
      const { ours, raw } = await series(stand)
      return measuredOf(
        ours.map(({ eventMs }) => eventMs),
        raw.map(({ eventMs }) => eventMs),
      )
    },
  },
]

interface RawTurn {
  readonly runningMs: number
  readonly eventMs: number
}

interface OurTurn extends RawTurn {
  readonly answeredMs: number
}

const POLL_MS = 5

const series = once(
  async (
    stand: Stand,
  ): Promise<{ readonly ours: readonly OurTurn[]; readonly raw: readonly RawTurn[] }> => {
    await stand.raw.prepare()
    const events = await StartEvents.open(stand.raw.client)
    try {
      // The first of each loads the image and makes the network on the host.
      await ourTurn(stand, events)
      await rawTurn(stand, events)
      const turns: { readonly ours: OurTurn; readonly raw: RawTurn }[] = []
      for (const _ of range(stand.times(30, 6))) {
        turns.push({ ours: await ourTurn(stand, events), raw: await rawTurn(stand, events) })
      }
      return { ours: turns.map(({ ours }) => ours), raw: turns.map(({ raw }) => raw) }
    } finally {
      events.close()
    }
  },
)

async function ourTurn(stand: Stand, events: StartEvents): Promise<OurTurn> {
  const cloud = await stand.real()
  await cloud.untilPoolIsFull(stand.raw)
  const began = performance.now()
  const id = await cloud.createServer()
  const answeredMs = performance.now() - began
  await cloud.untilActive(id, POLL_MS)
  const runningMs = performance.now() - began
  const eventMs = (await events.startOf(containerName(id))) - began
  await cloud.deleteServers([id])
  await cloud.untilPoolIsFull(stand.raw)
  return { answeredMs, runningMs, eventMs }
}

async function rawTurn(stand: Stand, events: StartEvents): Promise<RawTurn> {
  const began = performance.now()
  const { ms, answer: id } = await timed(async () => await stand.raw.run())
  const eventMs = (await events.startOf(id)) - began
  await stand.raw.remove([id])
  return { runningMs: ms, eventMs }
}

function measuredOf(ours: readonly number[], raw?: readonly number[]): Measured {
  return {
    ours: median(ours),
    ...(raw === undefined ? {} : { raw: median(raw) }),
    note: `${ours.length} times${raw === undefined ? '' : ' each, in turn'}`,
    samples: { ours, ...(raw === undefined ? {} : { raw }) },
  }
}
