import { Type, type TSchema } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { WorkloadChange } from '../../../workload/face.ts'
import type { ComputeDeps } from '../../deps.ts'
import { begin, serverFor } from '../act.ts'
import type { ServerVerb } from '../can.ts'
import type { TaskKind } from '../schema.ts'
import { serverAction } from '../on-server.ts'

/** Verbs that only turn the power: body key, verb, task, action log, wish. */
interface PowerVerb {
  readonly action: string
  readonly verb: ServerVerb
  readonly kind: TaskKind
  readonly policy: string
  readonly change: WorkloadChange
}

const verbs: readonly PowerVerb[] = [
  {
    action: 'os-start',
    verb: 'start',
    kind: 'start',
    policy: 'servers:start',
    change: { power: 'running' },
  },
  {
    action: 'os-stop',
    verb: 'stop',
    kind: 'stop',
    policy: 'servers:stop',
    change: { power: 'stopped', rescue: false },
  },
  {
    action: 'pause',
    verb: 'pause',
    kind: 'pause',
    policy: 'os-pause-server:pause',
    change: { power: 'paused' },
  },
  {
    action: 'unpause',
    verb: 'unpause',
    kind: 'unpause',
    policy: 'os-pause-server:unpause',
    change: { power: 'running' },
  },
  {
    action: 'suspend',
    verb: 'suspend',
    kind: 'suspend',
    policy: 'os-suspend-server:suspend',
    change: { power: 'paused' },
  },
  {
    action: 'resume',
    verb: 'resume',
    kind: 'resume',
    policy: 'os-suspend-server:resume',
    change: { power: 'running' },
  },
]

/** Any value: the original ignores what comes with these keys. */
const Ignored: TSchema = Type.Unknown()

const Reboot = Type.Object(
  { type: Type.String({ pattern: '^(?:[Hh][Aa][Rr][Dd]|[Ss][Oo][Ff][Tt])$' }) },
  { additionalProperties: false },
)

export function powerActions(deps: ComputeDeps): readonly Route[] {
  return [
    ...verbs.map((verb) =>
      route({
        ...serverAction(verb.action, verb.policy),
        body: Ignored,
        status: 202,
        handle: async (ctx, { params }) => await turn(ctx, deps, params.id, verb),
      }),
    ),
    route({
      ...serverAction('reboot', 'servers:reboot'),
      body: Reboot,
      status: 202,
      handle: async (ctx, { params, body }) => {
        await reboot(ctx, deps, params.id, body.type.toUpperCase() === 'HARD')
      },
    }),
  ]
}

/** The same for those who speak of servers in another tongue. */
export async function turnServer(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  name: 'start' | 'stop' | 'pause' | 'unpause' | 'reboot',
): Promise<void> {
  if (name === 'reboot') return await reboot(ctx, deps, id, false)
  const verb = verbs.find((one) => one.verb === name)
  if (verb !== undefined) await turn(ctx, deps, id, verb)
}

async function reboot(ctx: Ctx, deps: ComputeDeps, id: string, hard: boolean): Promise<void> {
  const live = await serverFor(ctx, deps, id, hard ? 'reboot hard' : 'reboot')
  await begin(ctx, deps, live, {
    action: 'reboot',
    kind: hard ? 'reboot-hard' : 'reboot',
    row: { state: 'normal' },
    change: {
      power: 'running',
      restart: hard ? 'hard' : 'soft',
      // a way out of a rescue that failed: the server's own process on its own files
      rescue: false,
      retry: true,
    },
  })
}

async function turn(ctx: Ctx, deps: ComputeDeps, id: string, verb: PowerVerb): Promise<undefined> {
  const live = await serverFor(ctx, deps, id, verb.verb)
  // a stop out of ERROR leaves the error behind, as a start does
  const row = live.server.state === 'error' ? { state: 'normal' as const } : {}
  await begin(ctx, deps, live, { action: verb.verb, kind: verb.kind, change: verb.change, row })
  return undefined
}
