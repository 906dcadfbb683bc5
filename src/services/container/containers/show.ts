import { Type } from '../../../kernel/schema/type.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { BooleanLike, toBoolean } from '../wire/schemas.ts'
import { getContainer, scopeOf, serverUnlessContainer } from './act.ts'
import { onContainer } from './on-container.ts'
import { onePartsOf } from './parts.ts'
import { viewer } from './view.ts'

const ShowQuery = Type.Object(
  { all_projects: Type.Optional(BooleanLike) },
  { additionalProperties: false },
)

export function showRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('GET', '', 'get_one', 'Show a container'),
      query: ShowQuery,
      handle: async (ctx, req) => {
        const all = toBoolean(req.query.all_projects)
        const scope = scopeOf(ctx, all, 'container:get_one_all_projects')
        const container =
          (await serverUnlessContainer(ctx, deps, req.params.id, scope)) ??
          (await getContainer(ctx, req.params.id, scope))
        return viewer(ctx, req)(await onePartsOf(ctx, deps, container))
      },
    }),
  ]
}
