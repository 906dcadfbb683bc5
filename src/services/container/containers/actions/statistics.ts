import { Readable } from 'node:stream'
import { Type } from '../../../../kernel/schema/type.ts'
import { projectOf } from '../../../../kernel/ctx/ctx.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import type { Usage } from '../../../../ports/container-statistics.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf } from '../../wire/arguments.ts'
import { BooleanLike, toBoolean } from '../../wire/schemas.ts'
import { ruleOf } from '../../wire/policy.ts'
import { targetFor } from '../act.ts'
import { onContainer } from '../on-container.ts'
import { listContainers } from '../store.ts'

const Stats = Type.Object(
  // ours: one line of JSON each second for as long as the container runs
  { stream: Type.Optional(BooleanLike) },
  { additionalProperties: false },
)
const Top = Type.Object(
  { ps_args: Type.Optional(Type.String({ maxLength: 200, pattern: '^[a-zA-Z0-9 ,+=:-]*$' })) },
  { additionalProperties: false },
)

/** What a container uses, and its processes. */
export function statisticsRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('GET', '/stats', 'stats', 'What it uses; stream=true goes on'),
      query: Type.Partial(Stats),
      handle: async (ctx, req) => {
        const { stream } = argumentsOf(req, Stats)
        const { container } = await targetFor(ctx, deps, req.params.id, 'stats')
        if (!toBoolean(stream))
          return statsView(container.name, await deps.workload.usage(ctx, container.id))
        const usages = deps.workload.streamUsage(ctx, container.id, ctx.signal)
        return reply(200, Readable.from(lines(container.name, usages)), {
          'content-type': 'application/x-ndjson',
        })
      },
    }),
    allRoute(deps),
    route({
      ...onContainer('GET', '/top', 'top', 'Its processes'),
      query: Type.Partial(Top),
      handle: async (ctx, req) => {
        const { ps_args } = argumentsOf(req, Top)
        const { container } = await targetFor(ctx, deps, req.params.id, 'top')
        const list = await deps.workload.top(ctx, container.id, ps_args)
        return { Titles: list.titles, Processes: list.processes }
      },
    }),
  ]
}

/** Ours: how a whole project does, in one answer. */
function allRoute(deps: ContainerDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/stats',
    policy: ruleOf('container:stats'),
    summary: 'Ours: what every running container of the project uses, in one answer',
    handle: async (ctx) => {
      const containers = await listContainers(ctx, { projectId: projectOf(ctx) })
      const ids = containers.map(({ id }) => id)
      const usages = await deps.workload.usageOfAll(ctx, ids)
      const stats = containers.flatMap(({ id, name }) => {
        const usage = usages.get(id)
        return usage === undefined ? [] : [{ uuid: id, ...statsView(name, usage) }]
      })
      return { stats }
    },
  })
}

async function* lines(name: string, usages: AsyncIterable<Usage>): AsyncGenerator<string> {
  for await (const usage of usages) yield `${JSON.stringify(statsView(name, usage))}\n`
}

const MIB = 1024 * 1024

/** Zun's words. CPU in percent of one CPU, between two looks and not over its whole life. */
export function statsView(name: string, usage: Usage): Record<string, string | number> {
  return {
    CONTAINER: name,
    'CPU %': usage.cpuPercent,
    'MEM USAGE(MiB)': usage.memoryBytes / MIB,
    'MEM LIMIT(MiB)': usage.memoryLimitBytes / MIB,
    'MEM %': usage.memoryPercent,
    'BLOCK I/O(B)': `${usage.blockReadBytes}/${usage.blockWriteBytes}`,
    'NET I/O(B)': `${usage.network.rxBytes}/${usage.network.txBytes}`,
  }
}
