import { ok } from '../support/session.ts'
import type { BenchCloud } from './bench-cloud.ts'
import { once } from './row.ts'
import { inFlight, range } from './statistics.ts'

/** A thousand servers of one project, each with an address, made through the API on the fake engine. */
export interface ManyServers {
  readonly cloud: BenchCloud
  readonly ids: readonly string[]
}

export const manyServers = once<ManyServers>(async (stand) => {
  const cloud = await stand.fake()
  const count = stand.times(1000, 200)
  const { session } = await cloud.prepared()
  const { network } = ok(
    await session.network.post('/networks', { network: { name: 'bench-many' } }),
  )
  const subnet = { network_id: network.id, ip_version: 4, cidr: '10.210.0.0/20' }
  ok(await session.network.post('/subnets', { subnet }))
  const ids = await inFlight(
    8,
    range(count),
    async () => await cloud.createServer(String(network.id)),
  )
  await cloud.untilAllActive(count, 500)
  return { cloud, ids }
})
