import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestClient, type Json } from '../../kernel/testkit/client.ts'
import { PASSWORD, startIdentity, type IdentityApp } from './testkit.ts'

let app: IdentityApp
let admin: TestClient
let demo: TestClient
beforeAll(async () => {
  app = await startIdentity()
  admin = await app.as('admin')
  demo = await app.as('demo')
})
afterAll(async () => {
  await app.close()
})

const v3 = '/identity/v3'
const names = (list: Json): string[] => list.map((one: { name: string }) => one.name)
const idOf = async (kind: string, name: string): Promise<string> =>
  (await admin.get(`${v3}/${kind}?name=${name}`)).body[kind][0].id

describe('discovery', () => {
  it('offers version 3 without a token', async () => {
    const nobody = new TestClient(app.url, undefined)
    expect((await nobody.get('/identity/')).status).toBe(300)
    expect((await nobody.get('/identity')).body.versions.values[0].id).toBe('v3.14')
    expect((await nobody.get(v3)).body.version.links[0].href).toBe(`${app.url}${v3}/`)
  })
})

describe('users', () => {
  it('are made, filtered, paged and deleted', async () => {
    for (const name of ['ann', 'Ann2', 'bob'])
      expect(
        (await admin.post(`${v3}/users`, { user: { name, email: `${name}@example.com` } })).status,
      ).toBe(201)
    expect((await admin.post(`${v3}/users`, { user: { name: 'ann' } })).status).toBe(409)
    expect(
      names((await admin.get(`${v3}/users?name__startswith=a`)).body.users).filter(
        (name) => name !== 'admin',
      ),
    ).toEqual(['ann'])
    expect(
      names((await admin.get(`${v3}/users?name__icontains=NN`)).body.users).toSorted(),
    ).toEqual(['Ann2', 'ann'])
    expect((await admin.get(`${v3}/users?name=bob`)).body.users[0].email).toBe('bob@example.com')
    const page = await admin.get(`${v3}/users?limit=2`)
    expect(page.body.users.length).toBe(2)
    const rest = await admin.get(page.body.links.next.slice(app.url.length))
    expect(rest.body.users[0].id > page.body.users[1].id).toBe(true)
    expect((await admin.delete(`${v3}/users/${await idOf('users', 'bob')}`)).status).toBe(204)
    expect((await admin.get(`${v3}/users?name=bob`)).body.users).toEqual([])
  })

  it.each([
    [{ user: {} }, /name/],
    [{ user: { name: ' ' } }, /name/],
    [{ user: { name: 'x'.repeat(256) } }, /name/],
    [{ user: { name: 'a\0b' } }, /null/],
    [{ user: { name: 'x', enabled: 'yes' } }, /enabled/],
    [{ user: { name: 'x', options: { unknown: true } } }, /unknown/],
    [{ user: { name: 'x', default_project_id: 'default' } }, /domain/],
  ])('are refused when %j', async (body, reason) => {
    const answer = await admin.post(`${v3}/users`, body)
    expect(answer.status).toBe(400)
    expect(answer.body.error.message).toMatch(reason)
  })

  it('see themselves and nobody else', async () => {
    const me = await idOf('users', 'demo')
    expect((await demo.get(`${v3}/users/${me}`)).status).toBe(200)
    expect((await demo.get(`${v3}/users/${await idOf('users', 'admin')}`)).status).toBe(403)
    expect((await demo.get(`${v3}/users`)).status).toBe(403)
    expect((await demo.get(`${v3}/users/${me}/projects`)).body.projects.length).toBe(1)
  })
})

describe('projects', () => {
  it('form a tree that is disabled from the leaves and deleted from them', async () => {
    const top = (await admin.post(`${v3}/projects`, { project: { name: 'top' } })).body.project.id
    const leaf = (
      await admin.post(`${v3}/projects`, {
        project: { name: 'leaf', parent_id: top, tags: ['red'] },
      })
    ).body.project.id
    expect((await admin.get(`${v3}/projects/${top}?subtree_as_ids`)).body.project.subtree).toEqual({
      [leaf]: null,
    })
    expect((await admin.get(`${v3}/projects/${leaf}?parents_as_ids`)).body.project.parents).toEqual(
      { [top]: { default: null } },
    )
    expect(names((await admin.get(`${v3}/projects?tags=red`)).body.projects)).toEqual(['leaf'])
    expect(
      (await admin.patch(`${v3}/projects/${top}`, { project: { enabled: false } })).status,
    ).toBe(403)
    expect((await admin.delete(`${v3}/projects/${top}`)).status).toBe(403)
    expect((await admin.delete(`${v3}/projects/${leaf}`)).status).toBe(204)
    expect((await admin.delete(`${v3}/projects/${top}`)).status).toBe(204)
  })

  it('are reached by inherited roles and by groups', async () => {
    const role = await idOf('roles', 'member')
    const project = (await admin.post(`${v3}/projects`, { project: { name: 'reached' } })).body
      .project.id
    const group = (await admin.post(`${v3}/groups`, { group: { name: 'crew' } })).body.group.id
    const user = (await admin.post(`${v3}/users`, { user: { name: 'carl', password: PASSWORD } }))
      .body.user.id
    await admin.put(`${v3}/groups/${group}/users/${user}`)
    const scope = { project: { id: project } }
    expect((await app.login('carl', scope)).status).toBe(401)
    await admin.put(
      `${v3}/OS-INHERIT/domains/default/groups/${group}/roles/${role}/inherited_to_projects`,
    )
    expect(names((await app.login('carl', scope)).body.token.roles).toSorted()).toEqual([
      'member',
      'reader',
    ])
    const effective = (
      await admin.get(
        `${v3}/role_assignments?effective&include_names&scope.project.id=${project}&user.id=${user}`,
      )
    ).body.role_assignments
    expect(
      effective
        .map((one: Json) => [one.role.name, one.user.name, one.scope.project.name])
        .toSorted(),
    ).toEqual([
      ['member', 'carl', 'reached'],
      ['reader', 'carl', 'reached'],
    ])
    expect((await admin.delete(`${v3}/groups/${group}`)).status).toBe(204)
    expect((await app.login('carl', scope)).status).toBe(401)
  })
})

describe('domains', () => {
  it('take roles of their own domain only, which a domain need not', async () => {
    const made = async (kind: string, one: string, body: object): Promise<string> =>
      (await admin.post(`${v3}/${kind}`, { [one]: body })).body[one].id
    const away = await made('domains', 'domain', { name: 'away' })
    const project = await made('projects', 'project', { name: 'far', domain_id: away })
    const role = await made('roles', 'role', { name: 'local', domain_id: 'default' })
    const grant = `users/${await idOf('users', 'demo')}/roles/${role}`
    expect((await admin.send('PUT', `${v3}/projects/${project}/${grant}`)).status).toBe(403)
    expect((await admin.send('PUT', `${v3}/domains/${away}/${grant}`)).status).toBe(204)
  })

  it('may be shown some endpoints only, by whoever rules the cloud', async () => {
    const { endpoints } = (await admin.get(`${v3}/endpoints`)).body
    const project = await idOf('projects', 'demo')
    const path = `${v3}/OS-EP-FILTER/projects/${project}/endpoints`
    expect((await admin.send('PUT', `${path}/${endpoints[0].id}`)).status).toBe(204)
    expect((await admin.get(path)).body.endpoints).toHaveLength(1)
    expect((await demo.delete(`${path}/${endpoints[0].id}`)).status).toBe(403)
    expect((await admin.delete(`${path}/${endpoints[0].id}`)).status).toBe(204)
  })

  it('hold their admin to what is theirs', async () => {
    const domain = (await admin.post(`${v3}/domains`, { domain: { name: 'branch' } })).body.domain
      .id
    const boss = (
      await admin.post(`${v3}/users`, {
        user: { name: 'boss', domain_id: domain, password: PASSWORD },
      })
    ).body.user.id
    await admin.put(`${v3}/domains/${domain}/users/${boss}/roles/${await idOf('roles', 'admin')}`)
    const login = await new TestClient(app.url, undefined).post(`${v3}/auth/tokens`, {
      auth: {
        identity: { methods: ['password'], password: { user: { id: boss, password: PASSWORD } } },
        scope: { domain: { id: domain } },
      },
    })
    const theirs = new TestClient(app.url, login.headers.get('x-subject-token') ?? '')
    expect(names((await theirs.get(`${v3}/users`)).body.users)).toEqual(['boss'])
    expect(
      (await theirs.post(`${v3}/projects`, { project: { name: 'inner' } })).body.project.domain_id,
    ).toBe(domain)
    expect(
      (await theirs.post(`${v3}/users`, { user: { name: 'x', domain_id: 'default' } })).status,
    ).toBe(403)
    expect((await theirs.delete(`${v3}/projects/${await idOf('projects', 'demo')}`)).status).toBe(
      403,
    )
    expect((await admin.delete(`${v3}/domains/${domain}`)).status).toBe(403)
    await admin.patch(`${v3}/domains/${domain}`, { domain: { enabled: false } })
    expect((await theirs.get(`${v3}/users`)).status).toBe(401)
    expect((await admin.delete(`${v3}/domains/${domain}`)).status).toBe(204)
    expect((await admin.get(`${v3}/users/${boss}`)).status).toBe(404)
  })
})

describe('application credentials', () => {
  it('act with the roles given, make no others, and end with the role', async () => {
    const me = await idOf('users', 'demo')
    const made = (
      await demo.post(`${v3}/users/${me}/application_credentials`, {
        application_credential: { name: 'ci', roles: [{ name: 'reader' }] },
      })
    ).body.application_credential
    const login = async (): Promise<Json> =>
      await new TestClient(app.url, undefined).post(`${v3}/auth/tokens`, {
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { id: made.id, secret: made.secret },
          },
        },
      })
    const answer = await login()
    expect(names(answer.body.token.roles)).toEqual(['reader'])
    const ci = new TestClient(app.url, answer.headers.get('x-subject-token'))
    expect(
      (
        await ci.post(`${v3}/users/${me}/application_credentials`, {
          application_credential: { name: 'more' },
        })
      ).status,
    ).toBe(403)
    expect(
      (
        await new TestClient(app.url, undefined).post(`${v3}/auth/tokens`, {
          auth: {
            identity: { methods: ['token'], token: { id: answer.headers.get('x-subject-token') } },
          },
        })
      ).status,
    ).toBe(403)
    expect(
      (await demo.get(`${v3}/users/${me}/application_credentials/${made.id}`)).body
        .application_credential.secret,
    ).toBeUndefined()
    expect((await demo.delete(`${v3}/users/${me}/application_credentials/${made.id}`)).status).toBe(
      204,
    )
    expect([(await ci.get(`${v3}/auth/projects`)).status, (await login()).status]).toEqual([
      401, 401,
    ])
  })
})

describe('access rules', () => {
  it('are kept with the credential, and its token opens nothing that they do not name', async () => {
    const me = await idOf('users', 'demo')
    const rule = { service: 'compute', method: 'GET', path: '/v2.1/servers' }
    const made = (
      await demo.post(`${v3}/users/${me}/application_credentials`, {
        application_credential: { name: 'narrow', access_rules: [rule] },
      })
    ).body.application_credential
    const login = await new TestClient(app.url, undefined).post(`${v3}/auth/tokens`, {
      auth: {
        identity: {
          methods: ['application_credential'],
          application_credential: { id: made.id, secret: made.secret },
        },
      },
    })
    expect(login.body.token.application_credential.access_rules[0]).toMatchObject(rule)
    expect(
      (
        await new TestClient(app.url, login.headers.get('x-subject-token') ?? '').get(
          `${v3}/auth/projects`,
        )
      ).status,
    ).toBe(401)
    expect(
      (await demo.delete(`${v3}/users/${me}/access_rules/${made.access_rules[0].id}`)).status,
    ).toBe(403)
  })
})

describe('access rules of a user', () => {
  it('are listed in the order they were made in', async () => {
    const me = await idOf('users', 'demo')
    const rules = ['/a', '/b', '/c', '/d', '/e', '/f'].map((path) => ({
      service: 'image',
      method: 'GET',
      path,
    }))
    await demo.post(`${v3}/users/${me}/application_credentials`, {
      application_credential: { name: 'many', access_rules: rules },
    })
    const { access_rules: listed } = (
      await demo.get(`${v3}/users/${me}/access_rules?service=image`)
    ).body
    expect(listed).toMatchObject(rules)
  })
})

describe('mappings of federation', () => {
  it('may repeat the id of their path', async () => {
    const remote = [{ type: 'REMOTE_USER' }]
    const rules = [{ local: [{ user: { name: '{0}' } }], remote }]
    const path = `${v3}/OS-FEDERATION/mappings/one`
    const made = await admin.send('PUT', path, { mapping: { id: 'my_mapping', rules } })
    expect([made.status, made.body.mapping.id]).toEqual([201, 'one'])
    expect((await admin.get(path)).body.mapping).toMatchObject({ id: 'one', rules })
  })
})

describe('trusts', () => {
  it('let the trustee act on the project, as often as they say', async () => {
    const [me, other] = [await idOf('users', 'demo'), await idOf('users', 'admin')]
    const project = await idOf('projects', 'demo')
    const wish = {
      trustor_user_id: me,
      trustee_user_id: other,
      project_id: project,
      impersonation: true,
      remaining_uses: 1,
      roles: [{ name: 'member' }],
    }
    expect(
      (await demo.post(`${v3}/OS-TRUST/trusts`, { trust: { ...wish, roles: [{ name: 'admin' }] } }))
        .status,
    ).toBe(403)
    const trust = (await demo.post(`${v3}/OS-TRUST/trusts`, { trust: wish })).body.trust
    const used = await app.login('admin', { 'OS-TRUST:trust': { id: trust.id } })
    expect([used.status, used.body.token.user.id, used.body.token['OS-TRUST:trust'].id]).toEqual([
      201,
      me,
      trust.id,
    ])
    expect((await app.login('admin', { 'OS-TRUST:trust': { id: trust.id } })).status).toBe(403)
    const acting = new TestClient(app.url, used.headers.get('x-subject-token') ?? '')
    expect((await acting.get(`${v3}/users/${me}`)).status).toBe(200)
    expect((await demo.delete(`${v3}/OS-TRUST/trusts/${trust.id}`)).status).toBe(404) // used up
  })
})

describe('credentials', () => {
  it('are encrypted at rest and shown to their owner only', async () => {
    const made = (
      await demo.post(`${v3}/credentials`, { credential: { type: 'cert', blob: 'very secret' } })
    ).body.credential
    expect((await demo.get(`${v3}/credentials/${made.id}`)).body.credential.blob).toBe(
      'very secret',
    )
    const stored = await app
      .ctx()
      .db.kysely.selectFrom('identity_credentials' as never)
      .selectAll()
      .execute()
    expect(JSON.stringify(stored)).not.toContain('very secret')
  })
})

describe('rules', () => {
  it('can be made strict: then an admin of a project rules nothing else', async () => {
    const strict = await startIdentity({ policy: { 'identity:legacy_admin': '!' } })
    try {
      expect((await (await strict.as('admin')).get(`${v3}/users`)).status).toBe(403)
      expect(
        (await (await strict.as('admin', { system: { all: true } })).get(`${v3}/users`)).status,
      ).toBe(200)
    } finally {
      await strict.close()
    }
  })

  it('lock an account after wrong passwords when the operator wants it', async () => {
    const locking = await startIdentity({
      passwordRules: { lockoutAttempts: 2, lockoutSeconds: 60 },
    })
    try {
      for (let attempt = 0; attempt < 2; attempt++)
        expect((await locking.login('demo', undefined, 'wrong')).status).toBe(401)
      expect((await locking.login('demo')).status).toBe(401)
      expect((await locking.login('admin')).status).toBe(201)
    } finally {
      await locking.close()
    }
  })
})
