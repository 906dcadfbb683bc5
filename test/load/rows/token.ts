import { ok, passwordAuth } from '../../support/session.ts'
import { TestClient } from '../../../src/kernel/testkit/client.ts'
import { drive, noteOf } from '../drive.ts'
import { atLeast, type Measured, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, range, timed } from '../statistics.ts'

/** Tokens: issued for a password, which is made slow on purpose by its hash, and validated, which every request needs. */
export const tokenRows: readonly Row[] = [
  {
    what: 'token issue (password), one after another',
    unit: '/s',
    budget: atLeast(20),
    measure: async (stand) => await issue(stand, 1),
  },
  {
    what: 'token issue (password), 4 at once',
    unit: '/s',
    budget: atLeast(20),
    measure: async (stand) => await issue(stand, 4),
  },
  { what: 'token validation', unit: '/s', budget: atLeast(5000), measure: validate },
]

async function issue(stand: Stand, width: number): Promise<Measured> {
  const cloud = await stand.real()
  const client = new TestClient(cloud.credentials.authUrl, undefined)
  const body = passwordAuth(cloud.credentials)
  const login = async (): Promise<unknown> => ok(await client.post('/auth/tokens', body))
  await login()
  const count = stand.times(60, 12)
  const { ms } = await timed(async () => await inFlight(width, range(count), login))
  return { ours: count / (ms / 1000), note: `mean of ${count}` }
}

/** As a service of the cloud does it: its own token in one header, the user's in the other. */
async function validate(stand: Stand): Promise<Measured> {
  const cloud = await stand.real()
  const { admin, session } = await cloud.prepared()
  const driven = await drive({
    url: `${cloud.credentials.authUrl}/auth/tokens`,
    headers: { 'X-Auth-Token': admin.token, 'X-Subject-Token': session.token },
    seconds: stand.times(10, 3),
    pid: cloud.pid,
  })
  return { ours: driven.perSecond, note: noteOf(driven) }
}
