import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { checkExtraSpecs } from './extra-spec-rules.ts'
import { NewExtraSpecs, OneExtraSpec, type Flavor } from './schema.ts'
import { deleteExtraSpec, getFlavor, setExtraSpecs } from './store.ts'

const all = '/v2.1/flavors/:id/os-extra_specs'
const one = `${all}/:key`
const policy = (verb: string): string => `os_compute_api:os-flavor-extra-specs:${verb}`

/** Properties of flavors: what the scheduler and the engine read beyond sizes. */
export function extraSpecRoutes(): readonly Route[] {
  return [...mapRoutes(), ...itemRoutes()]
}

function mapRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      policy: policy('index'),
      summary: "List a flavor's extra specs",
      handle: async (ctx, req) => ({ extra_specs: (await flavorOf(ctx, req)).extraSpecs }),
    }),
    route({
      method: 'POST',
      path: all,
      policy: policy('create'),
      body: NewExtraSpecs,
      summary: 'Set extra specs',
      handle: async (ctx, req) => ({ extra_specs: await write(ctx, req, req.body.extra_specs) }),
    }),
  ]
}

function itemRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: one,
      policy: policy('show'),
      summary: 'Show an extra spec',
      handle: show,
    }),
    route({
      method: 'PUT',
      path: one,
      policy: policy('update'),
      body: OneExtraSpec,
      summary: 'Set an extra spec',
      handle: async (ctx, req) => {
        if (!Object.hasOwn(req.body, keyOf(req)))
          throw cloudError(
            'badRequest',
            'Request body and URI mismatch: the body must hold the key that the URL names.',
          )
        return await write(ctx, req, req.body)
      },
    }),
    route({
      method: 'DELETE',
      path: one,
      policy: policy('delete'),
      summary: 'Remove an extra spec',
      handle: async (ctx, req) => {
        const { id } = await flavorOf(ctx, req)
        if (!(await deleteExtraSpec(ctx, id, keyOf(req)))) throw missing(id, keyOf(req))
        return reply(200)
      },
    }),
  ]
}

const flavorOf = async (ctx: Ctx, req: Req): Promise<Flavor> =>
  await getFlavor(ctx, (req.params as { id: string }).id) // every path above has :id
const keyOf = (req: Req): string => (req.params as { key: string }).key // asked only where the path has :key

const missing = (flavorId: string, key: string): Error =>
  cloudError('notFound', `Flavor ${flavorId} has no extra specs with key ${key.slice(0, 255)}.`)

async function show(ctx: Ctx, req: Req): Promise<unknown> {
  const { id, extraSpecs } = await flavorOf(ctx, req)
  const value = Object.hasOwn(extraSpecs, keyOf(req)) ? extraSpecs[keyOf(req)] : undefined
  if (value === undefined) throw missing(id, keyOf(req))
  return { [keyOf(req)]: value }
}

async function write(
  ctx: Ctx,
  req: Req,
  given: Readonly<Record<string, string | number>>,
): Promise<Readonly<Record<string, string>>> {
  const { id } = await flavorOf(ctx, req)
  const specs = Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, String(value)]),
  )
  if (atLeast(req.version, '2.86')) checkExtraSpecs(specs)
  await setExtraSpecs(ctx, id, specs)
  return specs
}
