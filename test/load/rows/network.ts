import { randomUUID } from 'node:crypto'
import { ok, until } from '../../support/session.ts'
import { atMost, once, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, median, range, timed } from '../statistics.ts'

/** Networks, subnets and ports, one after another, on the real engine: what is made on the host goes on meanwhile. */
export const networkRows: readonly Row[] = (['network', 'subnet', 'port'] as const).map((kind) => ({
  what: `${kind} create`,
  unit: 'ms',
  budget: atMost(10),
  measure: async (stand) => await measuredOf((await series(stand))[kind]),
}))

interface Series {
  readonly network: readonly number[]
  readonly subnet: readonly number[]
  readonly port: readonly number[]
}

const series = once(async (stand: Stand): Promise<Series> => {
  const { session } = await (await stand.real()).prepared()
  const took = { network: [] as number[], subnet: [] as number[], port: [] as number[] }
  const made: { readonly network: string; readonly port: string }[] = []
  const create = async (kind: keyof Series, wish: object): Promise<string> => {
    const { ms, answer } = await timed(
      async () => await session.network.post(`/${kind}s`, { [kind]: wish }),
    )
    took[kind].push(ms)
    return String(ok(answer)[kind].id)
  }
  for (const at of range(stand.times(30, 8))) {
    const network = await create('network', { name: `bench-${randomUUID().slice(0, 8)}` })
    await create('subnet', { network_id: network, ip_version: 4, cidr: `10.201.${at}.0/24` })
    made.push({ network, port: await create('port', { network_id: network }) })
  }
  await removeAll(stand, made)
  return took
})

async function removeAll(
  stand: Stand,
  made: readonly { readonly network: string; readonly port: string }[],
): Promise<void> {
  const { session } = await (await stand.real()).prepared()
  await inFlight(4, made, async ({ network, port }) => {
    ok(await session.network.delete(`/ports/${port}`))
    ok(await session.network.delete(`/networks/${network}`))
    const ask = async (): Promise<number> =>
      (await session.network.get(`/networks/${network}`)).status
    await until(ask, (status) => status === 404, { what: `network ${network} to be gone` })
  })
}

async function measuredOf(samples: readonly number[]): Promise<Measured> {
  return await Promise.resolve({
    ours: median(samples),
    note: `${samples.length} times`,
    samples: { ours: samples },
  })
}
