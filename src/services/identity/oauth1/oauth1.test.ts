import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestClient } from '../../../kernel/testkit/client.ts'
import { startIdentity, type IdentityApp } from '../testkit.ts'

let app: IdentityApp
let admin: TestClient
beforeAll(async () => {
  app = await startIdentity()
  admin = await app.as('admin')
})
afterAll(async () => await app.close())

const v3 = '/identity/v3'
const nobody = (): TestClient => new TestClient(app.url, undefined)

interface Secrets {
  readonly consumer: { readonly id: string; readonly secret: string }
  readonly token?: { readonly id: string; readonly secret: string }
}

/** The header of RFC 5849 with PLAINTEXT, whose signature are the two secrets. */
function signed({ consumer, token }: Secrets, more: Readonly<Record<string, string>> = {}): string {
  const params = {
    oauth_consumer_key: consumer.id,
    oauth_signature_method: 'PLAINTEXT',
    oauth_signature: `${consumer.secret}&${token?.secret ?? ''}`,
    oauth_timestamp: String(Math.floor(Date.now() / 1000)),
    oauth_nonce: randomUUID(),
    ...(token === undefined ? {} : { oauth_token: token.id }),
    ...more,
  }
  const words = Object.entries(params).map(
    ([key, value]) => `${key}="${encodeURIComponent(value)}"`,
  )
  return `OAuth ${words.join(', ')}`
}

async function tokenFrom(
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ id: string; secret: string }> {
  const answer = await nobody().with(headers).post(`${v3}/OS-OAUTH1/${path}`)
  expect(answer.status, answer.bytes.toString()).toBe(201)
  const form = new URLSearchParams(answer.bytes.toString())
  return { id: form.get('oauth_token') ?? '', secret: form.get('oauth_token_secret') ?? '' }
}

it('hands on roles that are named by their id or their name, and no others', async () => {
  const { consumer } = (await admin.post(`${v3}/OS-OAUTH1/consumers`, { consumer: {} })).body
  const { projects } = (await admin.get(`${v3}/projects?name=admin`)).body
  const asked = { authorization: signed({ consumer }), 'requested-project-id': projects[0].id }
  const request = await tokenFrom('request_token', asked)
  const authorize = async (...roles: object[]) =>
    await admin.send('PUT', `${v3}/OS-OAUTH1/authorize/${request.id}`, { roles })
  expect((await authorize({ name: 'service' })).status).toBe(401)
  expect((await authorize({})).status).toBe(400)
  const { roles } = (await admin.get(`${v3}/roles?name=member`)).body
  const { token } = (await authorize({ id: roles[0].id }, { name: 'admin' })).body

  const wrong = signed({ consumer: { ...consumer, secret: 'x' }, token: request })
  expect(
    (await nobody().with({ authorization: wrong }).post(`${v3}/OS-OAUTH1/access_token`)).status,
  ).toBe(401)
  const verifier = { oauth_verifier: String(token.oauth_verifier) }
  const authorization = signed({ consumer, token: request }, verifier)
  const access = await tokenFrom('access_token', { authorization })
  const { users } = (await admin.get(`${v3}/users?name=admin`)).body
  const mine = `${v3}/users/${users[0].id}/OS-OAUTH1/access_tokens/${access.id}/roles`
  const given = (await admin.get(mine)).body.roles.map((role: { name: string }) => role.name)
  expect(given.toSorted()).toEqual(['admin', 'member'])
})
