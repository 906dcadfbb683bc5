import { manyServers } from '../many-servers.ts'
import { atMost, type Row } from '../row.ts'
import { median, range, timed } from '../statistics.ts'

/** The whole list in one answer, until its last byte is here; reading its JSON is the client's own time. */
export const listRow: Row = {
  what: 'list 1,000 servers with details',
  unit: 'ms',
  budget: atMost(60),
  async measure(stand) {
    const { cloud, ids } = await manyServers(stand)
    const { session } = await cloud.prepared()
    const list = async (): Promise<Buffer> => {
      const answer = await fetch(`${cloud.url}/compute/v2.1/servers/detail`, {
        headers: { 'x-auth-token': session.token },
      })
      return Buffer.from(await answer.arrayBuffer())
    }
    const bytes = await list()
    const { servers } = JSON.parse(bytes.toString()) as { servers: readonly unknown[] } // Nova's answer
    if (servers.length !== ids.length)
      throw new Error(`the list has ${servers.length} of ${ids.length} servers`)
    const samples: number[] = []
    for (const _ of range(stand.times(30, 10))) samples.push((await timed(list)).ms)
    return {
      ours: median(samples),
      note: `fake engine, ${ids.length.toLocaleString('en')} servers with one network, ${(bytes.length / 1024).toFixed(0)} KiB, ${samples.length} times`,
      samples: { ours: samples },
    }
  },
}
