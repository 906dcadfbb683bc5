import type { TestClient } from '../../../src/kernel/testkit/client.ts'
import { ok, until } from '../../support/session.ts'
import type { BenchCloud } from '../bench-cloud.ts'
import { atMost, once, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, median, range, timed } from '../statistics.ts'

/** Containers by Zun's API on the real engine: made, listed, measured and deleted, all of them at once. */
export const containerRows: readonly Row[] = [
  {
    what: '`POST /containers` → 202',
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
      const { cloud, ids } = await manyContainers(stand)
      const client = await clientOf(cloud)
      const { ms } = await timed(async () => {
        await inFlight(8, ids, async (id) => ok(await client.delete(`/containers/${id}?stop=true`)))
        await untilListed(client, 0, '')
      })
      return { ours: ms, note: `${ids.length} containers` }
    },
  },
]

interface ManyContainers {
  readonly cloud: BenchCloud
  readonly ids: readonly string[]
  readonly answeredMs: readonly number[]
}

const manyContainers = once<ManyContainers>(async (stand) => {
  const cloud = await stand.real()
  const count = stand.times(200, 20)
  const client = await clientOf(cloud)
  const { imageId, networkId } = await cloud.prepared()
  await liftQuotas(cloud)
  const wish = {
    image: imageId,
    image_driver: 'glance',
    cpu: 0.1,
    memory: 32,
    nets: [{ network: networkId }],
  }
  const made = await inFlight(1, range(count), async () => {
    return await timed(async () => ok(await client.post('/containers?run=true', wish)))
  })
  await untilListed(client, count, '?status=Running')
  return {
    cloud,
    ids: made.map(({ answer }) => String(answer.uuid)),
    answeredMs: made.map(({ ms }) => ms),
  }
})

async function clientOf(cloud: BenchCloud): Promise<TestClient> {
  const { session } = await cloud.prepared()
  return session.to('container').with({ 'OpenStack-API-Version': 'container 1.40' })
}

async function liftQuotas(cloud: BenchCloud): Promise<void> {
  const { session, admin } = await cloud.prepared()
  const none = 'containers=-1&cpu=-1&memory=-1&disk=-1'
  ok(
    await admin
      .to('container')
      .with({ 'OpenStack-API-Version': 'container 1.40' })
      .put(`/quotas/${session.projectId}?${none}`),
  )
}

async function untilListed(client: TestClient, count: number, query: string): Promise<void> {
  await until(
    async () => ok(await client.get(`/containers${query}`)).containers,
    (list: readonly unknown[]) => list.length === count,
    { what: `${count} containers`, timeoutMs: 300_000 },
  )
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
