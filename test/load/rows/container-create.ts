import { ok } from '../../support/session.ts'
import { clientOf, containerWish, deleted, running } from '../bench-containers.ts'
import { atMost, once, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { median, range, timed } from '../statistics.ts'

/** One container at a time by Zun's API, in turn with one of Docker's own; as the rows of servers do it. */
export const containerCreateRows: readonly Row[] = [
  {
    what: '`POST /containers` → 202, alone',
    unit: 'ms',
    budget: atMost(15),
    async measure(stand) {
      const { answered } = await series(stand)
      return measuredOf(answered)
    },
  },
  {
    what: 'container create → running with its network, by the API (Running / start answered)',
    unit: 'ms',
    budget: atMost(0.6, 'ratio'),
    async measure(stand) {
      const { ours, raw } = await series(stand)
      return measuredOf(ours, raw)
    },
  },
]

const POLL_MS = 5
/** As the server of the neighbouring rows: with a tenth of a CPU its limit would slow the engine's own start of it. */
const CPU = 1

interface Series {
  readonly answered: readonly number[]
  readonly ours: readonly number[]
  readonly raw: readonly number[]
}

const series = once(async (stand: Stand): Promise<Series> => {
  await stand.raw.prepare()
  // The first of each loads the image and makes the network on the host.
  await ourTurn(stand)
  await rawTurn(stand)
  const answered: number[] = []
  const ours: number[] = []
  const raw: number[] = []
  for (const _ of range(stand.times(30, 6))) {
    const turn = await ourTurn(stand)
    answered.push(turn.answeredMs)
    ours.push(turn.runningMs)
    raw.push(await rawTurn(stand))
  }
  return { answered, ours, raw }
})

async function ourTurn(
  stand: Stand,
): Promise<{ readonly answeredMs: number; readonly runningMs: number }> {
  const cloud = await stand.real()
  const client = await clientOf(cloud)
  const wish = { ...(await containerWish(cloud)), cpu: CPU }
  await cloud.untilPoolIsFull(stand.raw)
  const began = performance.now()
  const { uuid } = ok(await client.post('/containers?run=true', wish))
  const answeredMs = performance.now() - began
  await running(client, String(uuid), POLL_MS)
  const runningMs = performance.now() - began
  await deleted(client, [String(uuid)])
  await cloud.untilPoolIsFull(stand.raw)
  return { answeredMs, runningMs }
}

async function rawTurn(stand: Stand): Promise<number> {
  const { ms, answer: id } = await timed(async () => await stand.raw.run())
  await stand.raw.remove([id])
  return ms
}

function measuredOf(ours: readonly number[], raw?: readonly number[]): Measured {
  return {
    ours: median(ours),
    ...(raw === undefined ? {} : { raw: median(raw) }),
    note: `${ours.length} times${raw === undefined ? '' : ' each, in turn'}`,
    samples: { ours, ...(raw === undefined ? {} : { raw }) },
  }
}
