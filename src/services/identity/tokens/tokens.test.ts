import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestClient, type Json } from '../../../kernel/testkit/client.ts'
import { startIdentity, type IdentityApp } from '../testkit.ts'
import { seal, unseal } from '../../../kernel/secrets/fernet.ts'
import { KeyFolder } from '../../../kernel/secrets/key-folder.ts'

let app: IdentityApp
beforeAll(async () => {
  app = await startIdentity()
})
afterAll(async () => {
  await app.close()
})

const tokens = '/identity/v3/auth/tokens'
const nobody = (): TestClient => new TestClient(app.url, undefined)
const auth = (identity: unknown, scope?: unknown): unknown => ({
  auth: { identity, ...(scope === undefined ? {} : { scope }) },
})

describe('a login by password', () => {
  it('gives a token with roles, implied ones too, and a catalog by the address of the client', async () => {
    const answer = await app.login('demo')
    expect(answer.status).toBe(201)
    expect(answer.body.token.roles.map((role: { name: string }) => role.name).toSorted()).toEqual([
      'member',
      'reader',
    ])
    expect(
      answer.body.token.catalog.map((service: { type: string }) => service.type).toSorted(),
    ).toEqual(['identity', 'orchestration'])
    const urlOf = (catalog: Json, type: string): string =>
      catalog.find((service: Json) => service.type === type).endpoints[0].url
    expect(urlOf(answer.body.token.catalog, 'orchestration')).toBe(
      `${app.url}/orchestration/v1/${answer.body.token.project.id}`,
    )
    const proxied = await new TestClient(app.url, answer.headers.get('x-subject-token') ?? '')
      .with({ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'cloud.example' })
      .get('/identity/v3/auth/catalog')
    expect(urlOf(proxied.body.catalog, 'identity')).toBe('https://cloud.example/identity')
  })

  it.each([
    ['wrong password', { name: 'demo', domain: { id: 'default' }, password: 'no' }],
    ['no such user', { name: 'nobody', domain: { id: 'default' }, password: 'no' }],
    ['no such domain', { name: 'demo', domain: { name: 'nowhere' }, password: 'no' }],
    ['no such id', { id: 'x', password: 'no' }],
  ])('refuses with one wording: %s', async (_why, user) => {
    const answer = await nobody().post(tokens, auth({ methods: ['password'], password: { user } }))
    expect([answer.status, answer.body.error.message]).toEqual([
      401,
      'The request you have made requires authentication.',
    ])
  })

  it('takes as long for a name that is not there', async () => {
    const time = async (name: string): Promise<number> => {
      const started = performance.now()
      await nobody().post(
        tokens,
        auth({
          methods: ['password'],
          password: { user: { name, domain: { id: 'default' }, password: 'no' } },
        }),
      )
      return performance.now() - started
    }
    await time('demo')
    const [known, unknown] = [await time('demo'), await time('nobody')]
    expect(unknown).toBeGreaterThan(known / 3)
  })

  it.each([
    ['domain', { domain: { id: 'default' } }, 'domain'],
    ['system', { system: { all: true } }, 'system'],
    ['project by name', { project: { name: 'demo', domain: { name: 'Default' } } }, 'project'],
  ])('scopes to %s', async (_name, scope, key) => {
    const answer = await app.login('admin', scope)
    expect(answer.status).toBe(201)
    expect(answer.body.token[key]).toBeDefined()
  })

  it('refuses a scope without a role, and two scopes at once', async () => {
    expect(
      (await app.login('demo', { project: { name: 'admin', domain: { id: 'default' } } })).status,
    ).toBe(401)
    expect((await app.login('demo', { system: { all: true } })).status).toBe(401)
    expect(
      (await app.login('admin', { system: { all: true }, domain: { id: 'default' } })).status,
    ).toBe(400)
  })

  it('gives an unscoped token without roles and catalog', async () => {
    const { body } = await app.login('demo', 'unscoped')
    expect(Object.keys(body.token)).not.toContain('roles')
    expect(Object.keys(body.token)).not.toContain('catalog')
  })
})

describe('the life of a token', () => {
  it('is shown, rescoped without living longer, and revoked', async () => {
    const first = await app.login('demo', 'unscoped')
    const id = first.headers.get('x-subject-token') ?? ''
    const mine = new TestClient(app.url, id).with({ 'x-subject-token': id })
    expect((await mine.get(tokens)).body.token.user.name).toBe('demo')
    const second = await nobody().post(
      tokens,
      auth(
        { methods: ['token'], token: { id } },
        { project: { name: 'demo', domain: { id: 'default' } } },
      ),
    )
    expect(second.body.token.expires_at).toBe(first.body.token.expires_at)
    expect(second.body.token.methods.toSorted()).toEqual(['password', 'token'])
    expect(second.body.token.audit_ids[1]).toBe(first.body.token.audit_ids[0])
    expect((await mine.delete(tokens)).status).toBe(204)
    expect((await mine.get(tokens)).status).toBe(401)
    expect(
      (
        await new TestClient(app.url, second.headers.get('x-subject-token') ?? '').get(
          '/identity/v3/auth/projects',
        )
      ).status,
    ).toBe(200)
  })

  it('ends with a changed password, a disabled user, a taken role', async () => {
    const admin = await app.as('admin')
    const project = (await admin.get('/identity/v3/projects?name=demo')).body.projects[0].id
    const role = (await admin.get('/identity/v3/roles?name=member')).body.roles[0].id
    const user = (
      await admin.post('/identity/v3/users', { user: { name: 'eve', password: 'one' } })
    ).body.user.id
    const grant = `/identity/v3/projects/${project}/users/${user}/roles/${role}`
    const alive = async (client: TestClient): Promise<boolean> =>
      (await client.get('/identity/v3/auth/projects')).status === 200

    await admin.put(grant)
    const before = await app.as('eve', undefined, 'one')
    expect(await alive(before)).toBe(true)
    expect(
      (
        await nobody().post(`/identity/v3/users/${user}/password`, {
          user: { password: 'two', original_password: 'one' },
        })
      ).status,
    ).toBe(204)
    expect(await alive(before)).toBe(false)

    const scoped = await app.as('eve', undefined, 'two')
    const unscoped = await app.as('eve', 'unscoped', 'two')
    expect((await admin.delete(grant)).status).toBe(204)
    expect([await alive(scoped), await alive(unscoped)]).toEqual([false, true])

    expect(
      (await admin.patch(`/identity/v3/users/${user}`, { user: { enabled: false } })).status,
    ).toBe(200)
    expect(await alive(unscoped)).toBe(false)
    expect((await app.login('eve', 'unscoped', 'two')).status).toBe(401)
  })

  it('is nothing that can be guessed or altered', async () => {
    const id = (await app.login('demo')).headers.get('x-subject-token') ?? ''
    for (const wrong of [
      '',
      'x',
      id.slice(0, -2),
      `${id.slice(0, 60)}${id[60] === 'A' ? 'B' : 'A'}${id.slice(61)}`,
      'gAAAAA'.repeat(2000),
    ]) {
      expect((await new TestClient(app.url, wrong).get('/identity/v3/auth/catalog')).status).toBe(
        401,
      )
    }
  })
})

describe('keys', () => {
  it('lie in a folder of their own, for the owner only', () => {
    expect(statSync(join(app.keyFolder, 'tokens')).mode & 0o777).toBe(0o700)
    expect(statSync(join(app.keyFolder, 'tokens', '1')).mode & 0o777).toBe(0o600)
  })

  it('rotate: what the old ones sealed is still read, until they are gone', () => {
    const folder = new KeyFolder(join(app.keyFolder, 'rotation'), 3)
    const sealed = seal(folder.primary, Buffer.from('hello'), Date.now())
    const other = new KeyFolder(join(app.keyFolder, 'rotation'), 3)
    folder.rotate()
    expect(unseal(folder.all, sealed)?.toString()).toBe('hello')
    // another process that has not read the folder again knows the new primary: it was staged
    expect(
      unseal(other.all, seal(folder.primary, Buffer.from('new'), Date.now()))?.toString(),
    ).toBe('new')
    folder.rotate()
    folder.rotate()
    expect(unseal(folder.all, sealed)).toBeUndefined()
    expect(readdirSync(join(app.keyFolder, 'rotation')).length).toBe(3)
  })
})
