import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import { onlyQuery } from '../wire/query.ts'
import { classResourcesIn } from './resources.ts'
import { ClassUpdate21, ClassUpdate250, ClassUpdate257, limitsIn } from './schema.ts'
import { limitsOf, setLimits } from './store.ts'

/** What projects without limits of their own get. Only the class `default` has an effect, as in Nova; others show it. */
export function classRoutes(): readonly Route[] {
  const path = '/v2.1/os-quota-class-sets/:id'
  const update = {
    method: 'PUT',
    path,
    policy: 'os_compute_api:os-quota-class-sets:update',
    summary: 'Change the default quotas',
  } as const
  return [
    route({
      method: 'GET',
      path,
      policy: 'os_compute_api:os-quota-class-sets:show',
      summary: 'Show the default quotas',
      handle: async (ctx, req) => {
        onlyQuery(req, [])
        return { quota_class_set: { id: classOf(req), ...(await limitsView(ctx, req)) } }
      },
    }),
    route({
      ...update,
      until: '2.49',
      body: ClassUpdate21,
      handle: async (ctx, req) => await change(ctx, req, req.body.quota_class_set),
    }),
    route({
      ...update,
      since: '2.50',
      until: '2.56',
      body: ClassUpdate250,
      handle: async (ctx, req) => await change(ctx, req, req.body.quota_class_set),
    }),
    route({
      ...update,
      since: '2.57',
      body: ClassUpdate257,
      handle: async (ctx, req) => await change(ctx, req, req.body.quota_class_set),
    }),
  ]
}

const classOf = (req: Req): string => (req.params as { id: string }).id // both paths have :id

async function limitsView(ctx: Ctx, req: Req): Promise<Record<string, number>> {
  const limits = await limitsOf(ctx, {})
  return Object.fromEntries(classResourcesIn(req.version).map((name) => [name, limits[name]]))
}

async function change(
  ctx: Ctx,
  req: Req,
  body: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  if (classOf(req) === 'default')
    await setLimits(ctx, {}, limitsIn(body, classResourcesIn(req.version)))
  return { quota_class_set: await limitsView(ctx, req) }
}
