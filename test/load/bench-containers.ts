import { setTimeout as sleep } from 'node:timers/promises'
import type { TestClient } from '../../src/kernel/testkit/client.ts'
import { ok, until } from '../support/session.ts'
import type { BenchCloud } from './bench-cloud.ts'
import { inFlight } from './statistics.ts'

/** Containers by Zun's API, as the rows make them: small ones, on the project's network, with no quota in the way. */
export async function clientOf(cloud: BenchCloud): Promise<TestClient> {
  const { session } = await cloud.prepared()
  return session.to('container').with(VERSION)
}

export async function containerWish(cloud: BenchCloud): Promise<Readonly<Record<string, unknown>>> {
  const { imageId, networkId } = await cloud.prepared()
  return {
    image: imageId,
    image_driver: 'glance',
    cpu: 0.1,
    memory: 32,
    nets: [{ network: networkId }],
  }
}

export async function liftContainerQuotas(cloud: BenchCloud): Promise<void> {
  const { session, admin } = await cloud.prepared()
  const none = 'containers=-1&cpu=-1&memory=-1&disk=-1'
  ok(await admin.to('container').with(VERSION).put(`/quotas/${session.projectId}?${none}`))
}

/** Asked as often as told, until it runs; an error is thrown with the cloud's own reason. */
export async function running(client: TestClient, id: string, everyMs: number): Promise<void> {
  for (;;) {
    const shown = ok(await client.get(`/containers/${id}`))
    if (shown.status === 'Running') return
    if (shown.status === 'Error')
      throw new Error(`container ${id} is in Error: ${String(shown.status_reason)}`)
    await sleep(everyMs)
  }
}

/** Until none of the project's containers is listed. */
export async function deleted(client: TestClient, ids: readonly string[]): Promise<void> {
  await inFlight(8, ids, async (id) => ok(await client.delete(`/containers/${id}?stop=true`)))
  await untilListed(client, 0, '', 20)
}

export async function untilListed(
  client: TestClient,
  count: number,
  query: string,
  everyMs = 50,
): Promise<void> {
  await until(
    async () => ok(await client.get(`/containers${query}`)).containers,
    (list: readonly unknown[]) => list.length === count,
    { what: `${count} containers`, timeoutMs: 300_000, everyMs },
  )
}

const VERSION = { 'OpenStack-API-Version': 'container 1.40' } as const
