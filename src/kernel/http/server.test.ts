import { Type } from '../schema/type.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { can } from '../ctx/ctx.ts'
import { cloudError } from '../errors/cloud-error.ts'
import { startTestApp, type TestApp } from '../testkit/test-app.ts'
import { route } from './route.ts'
import type { ServiceDefinition } from './service.ts'

const Body = Type.Object({ name: Type.String({ maxLength: 5 }) }, { additionalProperties: false })

const shelf: ServiceDefinition = {
  name: 'shelf',
  mount: '/shelf',
  microversions: { serviceType: 'shelf', min: '2.1', max: '2.9' },
  policies: { 'shelf:write': 'rule:project-member' },
  migrations: [],
  reconcilers: [],
  fault: (error) => ({ body: { shelfError: { code: error.status, message: error.message } } }),
  routes: [
    route({
      method: 'GET',
      path: '/',
      policy: null,
      handle: async () => await Promise.resolve({ versions: [] }),
    }),
    route({
      method: 'POST',
      path: '/books',
      policy: 'shelf:write',
      body: Body,
      status: 201,
      handle: async (_ctx, { body }) => await Promise.resolve(body),
    }),
    route({
      method: 'POST',
      path: '/books/:id/action',
      action: 'burn',
      policy: 'shelf:write',
      status: 202,
      handle: async (_ctx, { body }) => await Promise.resolve({ burnt: body }),
    }),
    route({
      method: 'POST',
      path: '/books/:id/action',
      action: 'lend',
      since: '2.5',
      policy: 'shelf:write',
      body: Body,
      handle: async (_ctx, { body }) => await Promise.resolve(body),
    }),
    route({
      method: 'DELETE',
      path: '/books/:id',
      policy: 'shelf:write',
      policyAskedByHandler: true,
      handle: async (ctx, { params }) => {
        const { id } = params as { id: string } // named in the path
        if (id === 'lost') throw cloudError('notFound', 'no such book')
        if (!can(ctx, 'shelf:write')) throw cloudError('forbidden', 'not yours')
        await Promise.resolve()
      },
    }),
    route({
      method: 'PUT',
      path: '/raw',
      policy: 'shelf:write',
      streamed: true,
      handle: async (_ctx, { stream }) => {
        let size = 0
        for await (const chunk of stream as AsyncIterable<Buffer>) size += chunk.length
        return { size }
      },
    }),
    route({
      method: 'GET',
      path: '/broken',
      policy: 'shelf:write',
      handle: async () => await Promise.reject(new Error('secret detail')),
    }),
  ],
}

let app: TestApp
beforeAll(async () => {
  app = await startTestApp([shelf])
})
afterAll(async () => {
  await app.close()
})

describe('a declared route', () => {
  it('answers with its status, a request id and the version', async () => {
    const answer = await app.as('demo').post('/shelf/books', { name: 'emma' })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-/)
    expect(answer.headers.get('openstack-api-version')).toBe('shelf 2.1')
  })

  it.each([
    [{ name: 1 }, /name/],
    [{ name: 'too long' }, /name/],
    [{}, /required/],
    [{ name: 'a', more: 1 }, /more/],
    ['{"name":', /JSON/],
    [undefined, /body/],
  ])('refuses the body %j with a reason', async (body, reason) => {
    const answer = await app.as('demo').post('/shelf/books', body)
    expect(answer.status).toBe(400)
    expect(answer.body.shelfError.message).toMatch(reason)
  })

  it('refuses a body that is too large, and another media type', async () => {
    expect(
      (await app.as('demo').post('/shelf/books', { name: 'x'.repeat(2_000_000) })).status,
    ).toBe(413)
    expect(
      (await app.as('demo').with({ 'content-type': 'text/plain' }).post('/shelf/books', 'name'))
        .status,
    ).toBe(415)
  })

  it('asks for a token, and for the right role', async () => {
    expect((await app.as('reader').post('/shelf/books', { name: 'emma' })).status).toBe(403)
    const remove = async (id: string) => await app.as('reader').send('DELETE', `/shelf/books/${id}`)
    expect((await remove('lost')).status).toBe(404)
    expect((await remove('emma')).status).toBe(403)
    expect((await app.as('nobody' as 'demo').post('/shelf/books', { name: 'emma' })).status).toBe(
      401,
    )
  })

  it('knows 404 from 405, in the fault format of the service', async () => {
    expect((await app.as('demo').get('/shelf/nothing')).body.shelfError.code).toBe(404)
    const answer = await app.as('demo').delete('/shelf/books')
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  })

  it('takes a path as it is sent: with slashes too many, its segments encoded', async () => {
    const remove = async (path: string) => (await app.as('reader').send('DELETE', path)).status
    expect(await remove('//shelf//books/l%6Fst/?force=1')).toBe(404)
    expect(await remove('/sh%65lf/books/emma/')).toBe(403)
    expect(await app.as('demo').get('/shelf/')).toMatchObject({ status: 200 })
  })

  it.each(['%zz', '%ff', '%'])('refuses the encoding of /shelf/books/%s', async (id) => {
    const answer = await app.as('demo').send('DELETE', `/shelf/books/${id}`)
    expect([answer.status, answer.body.shelfError.code]).toEqual([400, 400])
    expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-/)
  })

  it('hides what broke inside', async () => {
    const answer = await app.as('demo').get('/shelf/broken')
    expect(answer.status).toBe(500)
    expect(JSON.stringify(answer.body)).not.toContain('secret')
  })

  it('hands over a stream unread', async () => {
    expect((await app.as('demo').put('/shelf/raw', new Uint8Array(3_000_000))).body).toEqual({
      size: 3_000_000,
    })
  })
})

describe('actions and versions', () => {
  it('chooses by the key of the body', async () => {
    expect((await app.as('demo').post('/shelf/books/1/action', { burn: null })).body).toEqual({
      burnt: null,
    })
    expect((await app.as('demo').post('/shelf/books/1/action', { eat: null })).status).toBe(400)
  })

  it('opens an action only from its version on', async () => {
    const demo = app.as('demo')
    expect((await demo.post('/shelf/books/1/action', { lend: { name: 'me' } })).status).toBe(400)
    expect(
      (
        await demo
          .with({ 'openstack-api-version': 'shelf 2.5' })
          .post('/shelf/books/1/action', { lend: { name: 'me' } })
      ).status,
    ).toBe(200)
    expect((await demo.with({ 'openstack-api-version': 'shelf 2.10' }).get('/shelf/')).status).toBe(
      406,
    )
    expect((await demo.with({ 'openstack-api-version': 'shelf two' }).get('/shelf/')).status).toBe(
      400,
    )
    expect(
      (await demo.with({ 'openstack-api-version': 'shelf latest' }).get('/shelf/')).headers.get(
        'openstack-api-version',
      ),
    ).toBe('shelf 2.9')
  })
})
