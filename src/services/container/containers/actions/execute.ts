import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { cloudError, reasonOf } from '../../../../kernel/errors/cloud-error.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import { splitCommand } from '../../../../kernel/text/split-command.ts'
import { urlFor } from '../../consoles/consoles.ts'
import { endAction, logAction } from '../../container-actions/store.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { BooleanLike, Text, toBoolean } from '../../wire/schemas.ts'
import { targetFor } from '../act.ts'
import { onContainer } from '../on-container.ts'
import type { Container } from '../schema.ts'
import { outputOf } from './exec-output.ts'

const Execute = Type.Object({
  command: Text(65_536, 1),
  run: Type.Optional(BooleanLike),
  interactive: Type.Optional(BooleanLike),
})
const Size = {
  h: Type.Integer({ minimum: 1, maximum: 10_000 }),
  w: Type.Integer({ minimum: 1, maximum: 10_000 }),
}
const ExecSize = Type.Object({ ...Size, exec_id: Type.String({ pattern: '^[0-9a-f]{64}$' }) })

/** Commands beside a container's own process. */
export function executeRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('POST', '/execute', 'execute', 'Run a command inside, or get ready to'),
      ...argumentsOn(Execute),
      handle: async (ctx, req) => {
        const wish = argumentsOf(req, Execute)
        const { container } = await targetFor(ctx, deps, req.params.id, 'execute')
        const command = splitCommand(wish.command)
        if (command.length === 0) throw cloudError('badRequest', 'The command is empty.')
        return toBoolean(wish.run ?? true)
          ? await run(ctx, deps, container, command)
          : await prepare(ctx, deps, container, command, toBoolean(wish.interactive))
      },
    }),
    route({
      ...onContainer('POST', '/execute_resize', 'execute_resize', "A command's terminal"),
      ...argumentsOn(ExecSize),
      handle: async (ctx, req) => {
        const { exec_id, h, w } = argumentsOf(req, ExecSize)
        const { container } = await targetFor(ctx, deps, req.params.id, 'execute_resize')
        await deps.workload.resizeExec(ctx, container.id, exec_id, { rows: h, columns: w })
        return reply(200)
      },
    }),
  ]
}

/** To its end, however long that takes; a client that goes away ends it. */
async function run(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  command: readonly string[],
): Promise<Record<string, unknown>> {
  const end = await begun(ctx, container)
  try {
    const session = await deps.workload.openExec(ctx, container.id, {
      command,
      tty: false,
      stdin: false,
    })
    const { output, exitCode } = await outputOf(session, ctx.signal)
    await end()
    return { output, exit_code: exitCode, exec_id: null, proxy_url: null }
  } catch (error) {
    await end(reasonOf(error))
    throw error
  }
}

/** A command that starts when somebody comes with the answered URL. */
async function prepare(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  command: readonly string[],
  interactive: boolean,
): Promise<Record<string, unknown>> {
  const execId = await deps.workload.prepareExec(ctx, container.id, {
    command,
    tty: interactive,
    stdin: interactive,
  })
  const end = await begun(ctx, container)
  await end()
  return {
    output: null,
    exit_code: null,
    exec_id: execId,
    proxy_url: await urlFor(ctx, 'exec', container, execId),
  }
}

/** A line in the log of a container (a server's are Nova's), and how to end it. */
async function begun(ctx: Ctx, container: Container): Promise<(error?: string) => Promise<void>> {
  if (container.kind === 'server') return async () => await Promise.resolve()
  const id = await logAction(ctx, {
    containerId: container.id,
    projectId: container.projectId,
    action: 'exec_cmd',
    generation: null,
  })
  return async (error) => await endAction(ctx, id, error)
}
