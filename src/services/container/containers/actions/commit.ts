import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import { nudge } from '../../../../kernel/tasks/store.ts'
import { logAction } from '../../container-actions/store.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { containerFor } from '../act.ts'
import { insertCommit } from '../commits/store.ts'
import { onContainer } from '../on-container.ts'
import type { Container } from '../schema.ts'

const Commit = Type.Object({
  repository: Type.String({
    minLength: 1,
    maxLength: 200,
    pattern: '^[a-zA-Z0-9][a-zA-Z0-9_./:@ -]*$',
  }),
  tag: Type.Optional(Type.String({ maxLength: 54, pattern: '^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$' })),
})

export function commitRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('POST', '/commit', 'commit', 'Write its file system into a new image'),
      ...argumentsOn(Commit),
      handle: async (ctx, req) => {
        const { repository, tag } = argumentsOf(req, Commit)
        const { container } = await containerFor(ctx, deps, req.params.id, 'commit')
        // the name that `create --image-driver glance` finds it by again
        const name = tag === undefined || tag === 'latest' ? repository : `${repository}:${tag}`
        return reply(202, { uuid: await commit(ctx, deps, container, name) })
      },
    }),
  ]
}

/** Reserves the image, writes the job and the log, all in one transaction. Answers the image's id. */
async function commit(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  name: string,
): Promise<string> {
  return await inTx(ctx, async (tx) => {
    const imageId = await deps.image.reserveImage(tx, {
      projectId: container.projectId,
      name,
      containerFormat: 'docker',
      diskFormat: 'raw',
      minDiskGiB: 0,
      minRamMiB: 0,
      properties: { image_type: 'snapshot', container_uuid: container.id },
    })
    const actionId = await logAction(tx, {
      containerId: container.id,
      projectId: container.projectId,
      action: 'commit',
      generation: null,
    })
    await insertCommit(tx, { image_id: imageId, container_id: container.id, action_id: actionId })
    await nudge(tx, 'container.commit', imageId)
    return imageId
  })
}
