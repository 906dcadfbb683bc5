import { eventStream } from '../../../kernel/http/event-stream.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { ruleOf } from '../wire/policy.ts'
import { projectOf } from '../../../kernel/ctx/ctx.ts'
import type { ContainerFeed } from './feed.ts'

/** Ours: what becomes of a project's containers, as it happens, so that nobody has to ask again and again. */
export function eventRoutes(feed: ContainerFeed): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/events',
      policy: ruleOf('container:get_all'),
      summary: 'Ours: server-sent events of the project: a container changed its status',
      handle: async (ctx) => {
        const project = projectOf(ctx)
        return await Promise.resolve(eventStream(ctx, (signal) => feed.listen(project, signal)))
      },
    }),
  ]
}
