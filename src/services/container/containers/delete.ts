import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { mustMay } from '../wire/policy.ts'
import { BooleanLike, toBoolean } from '../wire/schemas.ts'
import { getContainer, scopeOf } from './act.ts'
import { mustAllow, type ContainerVerb } from './can.ts'
import { onContainer } from './on-container.ts'
import { removeContainer } from './removal.ts'
import { statusOf } from './status.ts'

const DeleteQuery = Type.Object(
  {
    force: Type.Optional(BooleanLike),
    stop: Type.Optional(BooleanLike),
    all_projects: Type.Optional(BooleanLike),
  },
  { additionalProperties: false },
)

export function deleteRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('DELETE', '', 'delete', 'Delete a container'),
      query: DeleteQuery,
      status: 204,
      handle: async (ctx, req) => {
        const all = toBoolean(req.query.all_projects)
        const scope = scopeOf(ctx, all, 'container:delete_all_projects')
        const container = await getContainer(ctx, req.params.id, scope)
        const workload = await deps.workload.find(ctx, container.id)
        const verb = verbOf(ctx, req, toBoolean(req.query.stop), toBoolean(req.query.force))
        mustAllow(container.id, statusOf(container, workload, ctx.now()).status, verb)
        await removeContainer(ctx, deps, container)
      },
    }),
  ]
}

/** Which states it may be deleted from: `stop` ends what runs first, `force` asks for nothing. */
function verbOf(ctx: Ctx, { version }: Req, stop: boolean, force: boolean): ContainerVerb {
  if (stop) {
    if (!atLeast(version, '1.12')) throw tooOld('stop', '1.12')
    if (force) mayForce(ctx)
    return force ? 'delete_force' : 'delete_after_stop'
  }
  if (!force) return 'delete'
  if (!atLeast(version, '1.7')) throw tooOld('force', '1.7')
  mayForce(ctx)
  return 'delete_force'
}

const mayForce = (ctx: Ctx): void => mustMay(ctx, 'container:delete_force')

function tooOld(name: string, since: string): Error {
  return cloudError(
    'badRequest',
    `Invalid param ${name} because the current request version is too old: it is known from version ${since} on.`,
    { code: 'invalid-param-in-version' },
  )
}
