import { drive, noteOf } from '../drive.ts'
import { manyServers } from '../many-servers.ts'
import { atLeast, type Row } from '../row.ts'

/** What clients do most: ask for one server, again and again, until it is ACTIVE. */
export const getRateRow: Row = {
  what: 'requests per second on `GET /servers/{id}`',
  unit: '/s',
  budget: atLeast(3000),
  async measure(stand) {
    const { cloud, ids } = await manyServers(stand)
    const { session } = await cloud.prepared()
    const id = ids[Math.floor(ids.length / 2)] ?? ''
    const driven = await drive({
      url: `${cloud.url}/compute/v2.1/servers/${id}`,
      headers: { 'X-Auth-Token': session.token },
      seconds: stand.times(10, 3),
      pid: cloud.pid,
    })
    return { ours: driven.perSecond, note: `fake engine; ${noteOf(driven)}` }
  },
}
