import { Type } from '../../../../kernel/schema/type.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import { urlFor } from '../../consoles/consoles.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { logAtOnce, targetFor } from '../act.ts'
import { onContainer } from '../on-container.ts'

const Size = Type.Object({
  h: Type.Integer({ minimum: 1, maximum: 10_000 }),
  w: Type.Integer({ minimum: 1, maximum: 10_000 }),
})

/** A container's own process: where to talk to it, and its terminal. */
export function attachRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('GET', '/attach', 'attach', 'URL of a websocket to its own process'),
      handle: async (ctx, req) => {
        const { container } = await targetFor(ctx, deps, req.params.id, 'attach')
        if (!container.interactive)
          throw cloudError(
            'badRequest',
            `Container ${container.id} cannot be attached to: it was not made interactive.`,
            { code: 'no-interactive-flag' },
          )
        const url = await urlFor(ctx, 'attach', container)
        if (container.kind === 'container') await logAtOnce(ctx, container, 'container_attach')
        return url
      },
    }),
    route({
      ...onContainer('POST', '/resize', 'resize', "Its own process's terminal"),
      ...argumentsOn(Size),
      handle: async (ctx, req) => {
        const { h, w } = argumentsOf(req, Size)
        const { container } = await targetFor(ctx, deps, req.params.id, 'resize')
        await deps.workload.resizeTty(ctx, container.id, { rows: h, columns: w })
        return reply(200)
      },
    }),
  ]
}
