import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { neutronError } from '../../fault.ts'
import type { PluginDeps } from '../deps.ts'

/** The project in whose name Docker's networks are made: the one asked for, the configured one, or the one people begin with. */
export async function projectFor(
  ctx: Ctx,
  deps: PluginDeps,
  asked: string | undefined,
): Promise<string> {
  const wanted = asked ?? deps.project
  const candidates = wanted === undefined ? ['demo', 'admin'] : [wanted]
  for (const candidate of candidates) {
    const project =
      (await deps.identity.findProject(asCloud(ctx), candidate)) ??
      (await deps.identity.findProjectByName(asCloud(ctx), candidate))
    if (project?.enabled === true) return project.id
  }
  throw neutronError(
    'notFound',
    'ProjectNotFound',
    wanted === undefined
      ? 'There is neither a project demo nor admin: name one as docker.project in stackyard.yaml, or by -o stackyard.project.'
      : `There is no project ${wanted.slice(0, 255)} that is enabled.`,
  )
}
