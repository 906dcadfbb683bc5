import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { WorkloadChange } from '../../../workload/face.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { begin, targetFor, type LiveContainer } from '../act.ts'
import { onContainer } from '../on-container.ts'

type Verb = 'start' | 'stop' | 'reboot' | 'pause' | 'unpause'

const Nothing = Type.Object({})
const Timeout = Type.Object({
  timeout: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
})

/** Verbs that turn a container on, off, or over. */
export function powerRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    power(deps, 'start', Nothing, () => ({ power: 'running' })),
    power(deps, 'stop', Timeout, (seconds) => ({ power: 'stopped', ...grace(seconds) })),
    power(deps, 'reboot', Timeout, (seconds) => ({
      power: 'running',
      restart: 'soft',
      ...grace(seconds),
    })),
    power(deps, 'pause', Nothing, () => ({ power: 'paused' })),
    power(deps, 'unpause', Nothing, () => ({ power: 'running' })),
  ]
}

/** Docker's own. */
const USUAL_GRACE_SECONDS = 10

/** How long its process may take to end by itself before it is killed. */
function grace(seconds: number | undefined): { readonly graceSeconds: number } {
  return { graceSeconds: seconds ?? USUAL_GRACE_SECONDS }
}

function power(
  deps: ContainerDeps,
  verb: Verb,
  schema: typeof Timeout | typeof Nothing,
  changeOf: (seconds: number | undefined) => WorkloadChange,
): Route {
  return route({
    ...onContainer('POST', `/${verb}`, verb, `Container: ${verb}`),
    ...argumentsOn(schema),
    status: 202,
    handle: async (ctx, req) => {
      const given: { readonly timeout?: number } = argumentsOf(req, schema)
      const live = await targetFor(ctx, deps, req.params.id, verb)
      if (live.container.kind === 'server')
        return await deps.compute.turnServer(ctx, live.container.id, verb)
      return await turn(ctx, deps, live, verb, changeOf(given.timeout))
    },
  })
}

async function turn(
  ctx: Ctx,
  deps: ContainerDeps,
  { container, workload }: LiveContainer,
  verb: Verb,
  change: WorkloadChange,
): Promise<void> {
  const retry = workload.error === null ? {} : { retry: true as const }
  await begin(ctx, deps, container, { kind: verb, change: { ...change, ...retry } })
}
