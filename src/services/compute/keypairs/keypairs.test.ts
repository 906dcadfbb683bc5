import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRestApp, type RestApp } from '../rest-testkit.ts'
import { generateSshKey, readSshKey } from './ssh-key.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
})
afterAll(async () => {
  await app.close()
})

const path = '/compute/v2.1/os-keypairs'
const at = (version: string, person: 'admin' | 'demo' = 'demo') =>
  app.as(person).with({ 'openstack-api-version': `compute ${version}` })
const ed25519 =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea me@here'

describe('an SSH key', () => {
  it('that is generated is one that it reads itself', async () => {
    const made = await generateSshKey()
    expect(readSshKey(made.publicKey).fingerprint).toBe(made.fingerprint)
    const jwk = createPublicKey(createPrivateKey(made.privateKey ?? '')).export({ format: 'jwk' })
    expect(
      Buffer.from(made.publicKey.split(' ')[1] ?? '', 'base64').includes(
        Buffer.from(jwk.n ?? '', 'base64url'),
      ),
    ).toBe(true)
  })

  it('has the fingerprint that ssh-keygen -E md5 shows', () => {
    expect(readSshKey(ed25519).fingerprint).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  })

  it.each([
    '',
    ' ',
    'ssh-rsa',
    'ssh-rsa JUNK me@here',
    `ssh-rsa ${'A'.repeat(2048)} me`,
    ed25519.replace('ssh-ed25519', 'ssh-rsa'),
    `${ed25519.slice(0, 60)} me`,
    'ssh-dss AAAAB3NzaC1kc3MAAACBAA== me',
    'constructor AAAA me',
    'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAAA',
  ])('is refused when it is %j', (line) => {
    expect(() => readSshKey(line)).toThrow(/Keypair data is invalid/)
  })
})

describe('keypairs', () => {
  it('show the private half once', async () => {
    const made = await at('2.1').post(path, { keypair: { name: 'mine' } })
    expect([made.status, made.body.keypair.private_key.slice(0, 31)]).toEqual([
      200,
      '-----BEGIN RSA PRIVATE KEY-----',
    ])
    const shown = (await at('2.2').get(`${path}/mine`)).body.keypair
    expect(shown).toMatchObject({ name: 'mine', type: 'ssh', user_id: 'user-demo', deleted: false })
    expect(shown).not.toHaveProperty('private_key')
    expect((await at('2.1').post(path, { keypair: { name: 'mine' } })).status).toBe(409)
    expect((await at('2.1').delete(`${path}/mine`)).status).toBe(202)
    expect((await at('2.2').delete(`${path}/mine`)).status).toBe(404)
  })

  it('may be certificates', async () => {
    const made = await at('2.2').post(path, { keypair: { name: 'cert', type: 'x509' } })
    const certificate = new X509Certificate(made.body.keypair.public_key)
    expect(made.status).toBe(201)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(made.body.keypair.private_key))).toBe(true)
    expect(certificate.subject).toBe('CN=user-demo')
    expect(
      (
        await at('2.2').post(path, {
          keypair: { name: 'cert2', type: 'x509', public_key: made.body.keypair.public_key },
        })
      ).body.keypair.fingerprint,
    ).toBe(made.body.keypair.fingerprint)
    expect(
      (
        await at('2.2').post(path, {
          keypair: { name: 'cert3', type: 'x509', public_key: ed25519 },
        })
      ).status,
    ).toBe(400)
  })

  it('are imported only from 2.92 on, when names may look like addresses', async () => {
    expect((await at('2.92').post(path, { keypair: { name: 'me@here.org' } })).status).toBe(400)
    expect(
      (await at('2.92').post(path, { keypair: { name: 'me@here.org', public_key: ed25519 } }))
        .status,
    ).toBe(201)
    expect(
      (await at('2.91').post(path, { keypair: { name: 'a@b', public_key: ed25519 } })).status,
    ).toBe(400)
    expect((await at('2.92').delete(`${path}/me@here.org`)).status).toBe(204)
  })

  it('belong to a user; an admin may name another from 2.10 on', async () => {
    await at('2.2').post(path, { keypair: { name: 'own', public_key: ed25519 } })
    expect((await at('2.10', 'admin').get(`${path}/own`)).status).toBe(404)
    expect((await at('2.10', 'admin').get(`${path}/own?user_id=user-demo`)).status).toBe(200)
    expect((await at('2.10').get(`${path}?user_id=user-admin`)).status).toBe(403)
    expect(
      (await at('2.10').post(path, { keypair: { name: 'x', user_id: 'user-admin' } })).status,
    ).toBe(403)
  })

  it('are paged from 2.35 on and limited by a quota', async () => {
    await at('2.2').post(path, { keypair: { name: 'second', public_key: ed25519 } })
    const page = (await at('2.35').get(`${path}?limit=1`)).body
    expect([page.keypairs.length, page.keypairs_links[0].rel]).toEqual([1, 'next'])
    const quota = '/compute/v2.1/os-quota-sets/d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0'
    await at('2.1', 'admin').put(quota, { quota_set: { key_pairs: 1 } })
    expect(
      (await at('2.2').post(path, { keypair: { name: 'over', public_key: ed25519 } })).body
        .forbidden.message,
    ).toMatch(/Quota exceeded, too many key pairs/)
    await at('2.1', 'admin').delete(quota)
  })
})
