import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { dropActions, logAction } from '../container-actions/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { dropGroup } from './groups.ts'
import type { Container } from './schema.ts'
import { deleteContainer, updateContainer } from './store.ts'

const FOR_EVER = Number.MAX_SAFE_INTEGER

/** Begins the end of a container: it goes when the engine holds nothing of it any more. May be repeated. */
export async function removeContainer(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
): Promise<void> {
  const { id, projectId } = container
  await inTx(ctx, async (tx) => {
    await updateContainer(tx, id, { task: toJson({ kind: 'delete', generation: FOR_EVER }) })
    await deps.workload.remove(tx, id)
    if (container.task?.kind !== 'delete')
      await logAction(tx, { containerId: id, projectId, action: 'delete', generation: null })
    await nudge(tx, 'container.container', id)
  })
}

/** Nothing runs and nothing is plugged any more: what is left are rows, and the group that opened its ports. */
export async function buryContainer(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
): Promise<void> {
  for (const port of await deps.network.portsOf(ctx, [container.id]))
    await deps.network.releasePort(ctx, port.id)
  if (container.ownGroupId !== null) await dropGroup(ctx, deps, container.ownGroupId)
  await inTx(ctx, async (tx) => {
    await deleteContainer(tx, container.id)
    await dropActions(tx, container.id)
  })
}
