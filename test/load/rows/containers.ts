import type { TestClient } from '../../../src/kernel/testkit/client.ts'
import { linksOf, onHost } from '../../support/host-state.ts'
import { ok, until } from '../../support/session.ts'
import type { BenchCloud } from '../bench-cloud.ts'
import {
  clientOf,
  containerWish,
  deleted,
  liftContainerQuotas,
  running,
  untilListed,
} from '../bench-containers.ts'
import { atMost, once, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, median, range, timed } from '../statistics.ts'

/** Containers by Zun's API on the real engine: made, listed, measured and deleted, all of them at once. */
export const containerRows: readonly Row[] = [
  {
    what: '`POST /containers` → 202, 200 one after another',
    unit: 'ms',
    budget: atMost(15),
    measure: async (stand) => {
      const { answeredMs } = await manyContainers(stand)
      return {
        ours: median(answeredMs),
        note: 'one at a time, while those before are still being started',
        samples: { ours: answeredMs },
      }
    },
  },
  {
    what: 'list 200 containers',
    unit: 'ms',
    budget: atMost(50),
    measure: async (stand) =>
      await asked(stand, '/containers', (body) => (body as { containers: unknown[] }).containers), // Zun's answer
  },
  {
    what: 'statistics of 200 running containers in one answer',
    unit: 'ms',
    budget: atMost(1000),
    measure: async (stand) =>
      await asked(stand, '/stats', (body) => (body as { stats: unknown[] }).stats), // our answer
  },
  {
    what: 'delete 200 running containers, until none is listed',
    unit: 'ms',
    budget: atMost(60_000),
    async measure(stand) {
      const many = await manyContainers(stand)
      const client = await clientOf(many.cloud)
      const there = (await left(many.cloud, many.before)).length
      const { ms } = await timed(async () => await deleted(client, many.ids))
      await nothingLeft(many)
      const note = `${many.ids.length} containers; of ${there} containers, folders, namespaces and interfaces on the host nothing is left`
      return { ours: ms, note }
    },
  },
]

interface ManyContainers {
  readonly cloud: BenchCloud
  readonly ids: readonly string[]
  readonly answeredMs: readonly number[]
  /** What the cloud had on the host when none of them was made. */
  readonly before: ReadonlySet<string>
}

const manyContainers = once<ManyContainers>(async (stand) => {
  const cloud = await stand.real()
  const count = stand.times(200, 20)
  const client = await clientOf(cloud)
  await liftContainerQuotas(cloud)
  const wish = await containerWish(cloud)
  const before = await hostWithout(cloud, client, wish)
  const made = await inFlight(1, range(count), async () => {
    return await timed(async () => ok(await client.post('/containers?run=true', wish)))
  })
  await untilListed(client, count, '?status=Running')
  return {
    cloud,
    ids: made.map(({ answer }) => String(answer.uuid)),
    answeredMs: made.map(({ ms }) => ms),
    before,
  }
})

/** One is made and deleted before: the network is on the host then, which stays. */
async function hostWithout(
  cloud: BenchCloud,
  client: TestClient,
  wish: Readonly<Record<string, unknown>>,
): Promise<ReadonlySet<string>> {
  const { uuid } = ok(await client.post('/containers?run=true', wish))
  await running(client, String(uuid), 50)
  await deleted(client, [String(uuid)])
  await until(
    async () => (await onHost(cloud.data)).containers,
    (containers) => containers.length === 0,
    { what: 'the first container to be gone' },
  )
  return await everything(cloud)
}

/** Throws with the names of what was not there before. */
async function nothingLeft({ cloud, before }: ManyContainers): Promise<void> {
  await until(
    async () => await left(cloud, before),
    (names) => names.length === 0,
    { what: 'nothing to be left on the host', timeoutMs: 60_000, everyMs: 500 },
  )
}

async function left(cloud: BenchCloud, before: ReadonlySet<string>): Promise<readonly string[]> {
  return [...(await everything(cloud))].filter((name) => !before.has(name))
}

/** Containers (spare sandboxes excepted), folders, network namespaces and interfaces, as the host's own tools tell them. */
async function everything(cloud: BenchCloud): Promise<ReadonlySet<string>> {
  const { containers, folders, namespaces } = await onHost(cloud.data)
  return new Set([...containers, ...folders, ...namespaces, ...(await linksOf(cloud.data))])
}

/** The whole answer, until its last byte is here; reading its JSON is the client's own time. */
async function asked(
  stand: Stand,
  path: string,
  itemsOf: (body: unknown) => readonly unknown[],
): Promise<Measured> {
  const { cloud, ids } = await manyContainers(stand)
  const client = await clientOf(cloud)
  const items = itemsOf(ok(await client.get(path)))
  if (items.length !== ids.length)
    throw new Error(`${path} has ${items.length} of ${ids.length} containers`)
  const samples: number[] = []
  for (const _ of range(stand.times(20, 5)))
    samples.push((await timed(async () => await client.get(path))).ms)
  return { ours: median(samples), note: `${ids.length} containers`, samples: { ours: samples } }
}
