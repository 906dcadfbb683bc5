import type { TSchema } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { linksOf } from '../wire/links.ts'
import { ruleOf } from '../wire/policy.ts'
import { toBoolean, type BooleanLike } from '../wire/schemas.ts'
import { createContainer } from './create.ts'
import {
  Create120,
  Create139,
  Create140,
  LegacyCreate,
  RunQuery,
  type CreateBody,
} from './create-schema.ts'
import { mustKnowFields } from './create-versions.ts'
import { onePartsOf } from './parts.ts'
import { viewer } from './view.ts'

/** `POST /containers`, one route per shape of the body. */
export function createRoutes(deps: ContainerDeps): readonly Route[] {
  const shape = (since: string, until: string, body: TSchema): Route =>
    route({
      method: 'POST',
      path: '/v1/containers',
      since,
      until,
      policy: ruleOf('container:create'),
      status: 202,
      summary: 'Create a container; with run=true it is started',
      query: RunQuery,
      body,
      maxBodyBytes: MOST_BYTES,
      handle: async (ctx, req) =>
        await create(ctx, deps, req, req.body as CreateBody, req.query.run), // each of the shapes is one
    })
  return [
    shape('1.1', '1.19', LegacyCreate),
    shape('1.20', '1.38', Create120),
    shape('1.39', '1.39', Create139),
    shape('1.40', '1.40', Create140),
  ]
}

/** Injected files come in the body. */
const MOST_BYTES = 16 * 1024 * 1024

async function create(
  ctx: Ctx,
  deps: ContainerDeps,
  req: Req,
  body: CreateBody,
  run: BooleanLike | undefined,
): Promise<Reply> {
  mustKnowFields(req.version, body)
  const container = await createContainer(ctx, deps, req.version, body, toBoolean(run))
  const view = viewer(ctx, req)(await onePartsOf(ctx, deps, container))
  const [self] = linksOf(req, 'containers', container.id)
  return reply(202, view, { Location: self?.href ?? '' })
}
