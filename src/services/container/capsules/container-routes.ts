import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { splitCommand } from '../../../kernel/text/split-command.ts'
import { mustAllow, type ContainerVerb } from '../containers/can.ts'
import { outputOf } from '../containers/actions/exec-output.ts'
import { sinceOf } from '../containers/actions/logs.ts'
import { partsOf, type ContainerParts } from '../containers/parts.ts'
import { membersOf } from '../containers/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { argumentsOf, argumentsOn } from '../wire/arguments.ts'
import { ruleOf } from '../wire/policy.ts'
import { BooleanLike, Name, Text, TextMap, textMap, toBoolean } from '../wire/schemas.ts'
import { getCapsule } from './routes.ts'
import { updateCapsule } from './store.ts'
import { capsuleView } from './view.ts'

const Update = Type.Object(
  {
    name: Type.Optional(Name),
    labels: Type.Optional(TextMap),
    annotations: Type.Optional(TextMap),
  },
  { additionalProperties: false },
)
const Logs = Type.Object(
  {
    tail: Type.Optional(Type.String({ pattern: '^(all|[0-9]{1,9})$' })),
    since: Type.Optional(Text(60)),
    timestamps: Type.Optional(BooleanLike),
    follow: Type.Optional(BooleanLike),
  },
  { additionalProperties: false },
)
const Execute = Type.Object({ command: Text(65_536, 1) })

const Member = Type.Object({ id: Type.String(), member: Type.String() })

/** Ours, where Zun has nothing: a capsule's words changed, output of its containers, commands beside them. */
export function capsuleMemberRoutes(deps: ContainerDeps): readonly Route[] {
  return [updateRoute(deps), logsRoute(deps), executeRoute(deps)]
}

function updateRoute(deps: ContainerDeps): Route {
  return route({
    method: 'PATCH',
    path: '/v1/capsules/:id',
    policy: ruleOf('capsule:update'),
    params: Type.Object({ id: Type.String() }),
    body: Update,
    summary: 'Change name, labels or annotations of a capsule',
    handle: async (ctx, req) => {
      const { id } = await getCapsule(ctx, req.params.id)
      const { name, labels, annotations } = req.body
      await inTx(ctx, async (tx) => {
        await updateCapsule(tx, id, {
          ...(name === undefined ? {} : { name }),
          ...(labels === undefined ? {} : { labels: toJson(textMap(labels)) }),
          ...(annotations === undefined ? {} : { annotations: toJson(textMap(annotations)) }),
        })
      })
      const capsule = await getCapsule(ctx, id)
      const members = await partsOf(ctx, deps, await membersOf(ctx, [id]))
      return capsuleView(ctx, req, capsule, members)
    },
  })
}

function logsRoute(deps: ContainerDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/capsules/:id/containers/:member/logs',
    policy: ruleOf('container:logs'),
    params: Member,
    query: Logs,
    summary: "What a capsule's container wrote, as plain text; follow=true goes on",
    handle: async (ctx, req) => {
      const { tail, since, timestamps, follow } = req.query
      const { container, workload } = await memberFor(ctx, deps, req, 'logs')
      const headers = { 'content-type': 'text/plain; charset=utf-8' }
      if (workload?.seen === 'new') return reply(200, '', headers)
      const wish = {
        timestamps: toBoolean(timestamps),
        follow: toBoolean(follow),
        ...(tail === undefined || tail === 'all' ? {} : { tail: Number(tail) }),
        ...(since === undefined ? {} : { since: sinceOf(since) }),
      }
      const output = await deps.workload.followLogs(ctx, container.id, wish, ctx.signal)
      return reply(200, output, headers)
    },
  })
}

function executeRoute(deps: ContainerDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/capsules/:id/containers/:member/execute',
    policy: ruleOf('container:execute'),
    params: Member,
    ...argumentsOn(Execute),
    summary: "Run a command inside a capsule's container",
    handle: async (ctx, req) => {
      const command = splitCommand(argumentsOf(req, Execute).command)
      if (command.length === 0) throw cloudError('badRequest', 'The command is empty.')
      const { container } = await memberFor(ctx, deps, req, 'execute')
      const session = await deps.workload.openExec(ctx, container.id, {
        command,
        tty: false,
        stdin: false,
      })
      const { output, exitCode } = await outputOf(session, ctx.signal)
      return { output, exit_code: exitCode }
    },
  })
}

/** A container of a capsule by its id or name, when the verb is allowed on it now. */
async function memberFor(
  ctx: Ctx,
  deps: ContainerDeps,
  { params }: Req<{ readonly id: string; readonly member: string }>,
  verb: ContainerVerb,
): Promise<ContainerParts> {
  const capsule = await getCapsule(ctx, params.id)
  const members = await partsOf(ctx, deps, await membersOf(ctx, [capsule.id]))
  const found = members.find(
    ({ container }) => container.id === params.member || container.name === params.member,
  )
  if (found === undefined)
    throw cloudError(
      'notFound',
      `Capsule ${capsule.name} has no container ${params.member.slice(0, 255)}.`,
      { code: 'container-not-found' },
    )
  mustAllow(found.container.id, found.status.status, verb)
  return found
}
