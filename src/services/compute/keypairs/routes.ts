import { must, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { limitOf } from '../quotas/check.ts'
import { nextLink } from '../wire/links.ts'
import { onlyQuery, PAGING, queryText } from '../wire/query.ts'
import { generateCertificate, readCertificate } from './certificate.ts'
import {
  keypairSummary,
  keypairView,
  NewKeypair21,
  NewKeypair210,
  NewKeypair22,
  NewKeypair292,
  type Keypair,
  type NewKeypair,
} from './schema.ts'
import { generateSshKey, readSshKey, type KeyMaterial } from './ssh-key.ts'
import { countKeypairs, deleteKeypair, findKeypair, insertKeypair, listKeypairs } from './store.ts'

const own = 'rule:admin or user_id:%(user_id)s'

/** The door lets everybody in (`keypairs`); whose keys they are is decided once the user is known. */
export const keypairPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-keypairs': '@',
  'os_compute_api:os-keypairs:index': own,
  'os_compute_api:os-keypairs:show': own,
  'os_compute_api:os-keypairs:create': own,
  'os_compute_api:os-keypairs:delete': own,
}

const policy = 'os_compute_api:os-keypairs'
const create = {
  method: 'POST',
  path: '/v2.1/os-keypairs',
  policy,
  summary: 'Generate or import a keypair',
} as const

/** A user's own keys, whatever project he works in. */
export function keypairRoutes(_deps: ComputeDeps): readonly Route[] {
  return [...createRoutes(), ...otherRoutes()]
}

function createRoutes(): readonly Route[] {
  return [
    route({
      ...create,
      until: '2.1',
      body: NewKeypair21,
      handle: async (ctx, req) => await createKeypair(ctx, req, req.body.keypair),
    }),
    route({
      ...create,
      since: '2.2',
      until: '2.9',
      body: NewKeypair22,
      handle: async (ctx, req) => await createKeypair(ctx, req, req.body.keypair),
    }),
    route({
      ...create,
      since: '2.10',
      until: '2.91',
      body: NewKeypair210,
      handle: async (ctx, req) => await createKeypair(ctx, req, req.body.keypair),
    }),
    route({
      ...create,
      since: '2.92',
      body: NewKeypair292,
      handle: async (ctx, req) => await createKeypair(ctx, req, req.body.keypair),
    }),
  ]
}

function otherRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/os-keypairs',
      policy,
      summary: 'List keypairs',
      handle: list,
    }),
    route({
      method: 'GET',
      path: '/v2.1/os-keypairs/:name',
      policy,
      summary: 'Show a keypair',
      handle: async (ctx, req) => {
        const keypair = await findKeypair(ctx, userOf(ctx, req, 'show'), nameOf(req))
        if (keypair === undefined) throw missing(req)
        return { keypair: keypairView(req, keypair) }
      },
    }),
    route({
      method: 'DELETE',
      path: '/v2.1/os-keypairs/:name',
      policy,
      summary: 'Delete a keypair',
      handle: async (ctx, req) => {
        if (!(await deleteKeypair(ctx, userOf(ctx, req, 'delete'), nameOf(req)))) throw missing(req)
        return reply(atLeast(req.version, '2.2') ? 204 : 202)
      },
    }),
  ]
}

const nameOf = (req: Req): string => (req.params as { name: string }).name // asked only where the path has :name
const missing = (req: Req): Error =>
  cloudError('notFound', `Keypair ${nameOf(req).slice(0, 255)} not found for the user.`)

/** The user whose keys are asked for: from 2.10 on an admin may name another. */
function userOf(ctx: Ctx, req: Req, verb: 'index' | 'show' | 'delete'): string {
  const named = atLeast(req.version, '2.10') ? queryText(req, 'user_id') : undefined
  onlyQuery(req, verb === 'index' ? ['user_id', ...PAGING] : ['user_id'])
  const userId = named ?? whoOf(ctx).userId
  must(ctx, `os_compute_api:os-keypairs:${verb}`, { user_id: userId })
  return userId
}

async function list(ctx: Ctx, req: Req): Promise<unknown> {
  const keypairs = await listKeypairs(ctx, userOf(ctx, req, 'index'))
  const view = (keypair: Keypair): unknown => ({ keypair: keypairSummary(req, keypair) })
  if (!atLeast(req.version, '2.35')) return { keypairs: keypairs.map(view) }
  const page = pageOf(
    new URLSearchParams([...req.rawQuery].filter(([key]) => key === 'limit' || key === 'marker')),
    { sortable: [], defaultSort: [] },
  )
  const { items, more } = cutPage(
    keypairs.map((keypair) => ({ ...keypair, id: keypair.name })),
    page,
    () => undefined,
  )
  return { keypairs: items.map(view), ...nextLink(req, 'keypairs_links', items.at(-1)?.name, more) }
}

async function createKeypair(ctx: Ctx, req: Req, wish: NewKeypair): Promise<unknown> {
  const userId = wish.user_id ?? whoOf(ctx).userId
  must(ctx, 'os_compute_api:os-keypairs:create', { user_id: userId })
  const type = wish.type ?? 'ssh'
  await checkQuota(ctx, userId)
  // asked before the work of generating a key; the insert asks again
  if ((await findKeypair(ctx, userId, wish.name)) !== undefined) throw duplicate(wish.name)
  const { privateKey, ...material } = await materialOf(ctx, userId, wish)
  const keypair = await insertKeypair(ctx, { userId, name: wish.name, type, ...material })
  if (keypair === undefined) throw duplicate(wish.name)
  const body = {
    keypair: {
      ...keypairSummary(req, keypair),
      user_id: userId,
      ...(privateKey === undefined ? {} : { private_key: privateKey }),
    },
  }
  return reply(atLeast(req.version, '2.2') ? 201 : 200, body)
}

const duplicate = (name: string): Error =>
  cloudError('conflict', `Key pair '${name}' already exists.`)

async function materialOf(ctx: Ctx, userId: string, wish: NewKeypair): Promise<KeyMaterial> {
  if (wish.public_key !== undefined)
    return wish.type === 'x509' ? readCertificate(wish.public_key) : readSshKey(wish.public_key)
  return wish.type === 'x509'
    ? await generateCertificate(userId, ctx.now())
    : await generateSshKey()
}

async function checkQuota(ctx: Ctx, userId: string): Promise<void> {
  const limit = await limitOf(ctx, whoOf(ctx).projectId ?? '', 'key_pairs', userId)
  if (limit >= 0 && (await countKeypairs(ctx, userId)) >= limit) {
    throw cloudError('quotaExceeded', `Quota exceeded, too many key pairs: ${limit} are allowed.`)
  }
}
