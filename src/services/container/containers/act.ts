import type { Updateable } from 'kysely'
import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { Workload, WorkloadChange } from '../../workload/face.ts'
import { logAction } from '../container-actions/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { mustMay } from '../wire/policy.ts'
import { mustAllow, type ContainerVerb } from './can.ts'
import type { Container, ContainerTable, Task, TaskKind } from './schema.ts'
import { findServer } from './servers.ts'
import { statusOf, type Status } from './status.ts'
import { findByIdent, updateWhile, type Scope } from './store.ts'

/** A container together with what runs. */
export interface LiveContainer {
  readonly container: Container
  readonly workload: Workload
  readonly status: Status
}

/** Whose containers a request means: the asker's project's, or everybody's when he may and says so. */
export function scopeOf(ctx: Ctx, allProjects: boolean, rule: string): Scope {
  if (!allProjects) return { projectId: projectOf(ctx) }
  mustMay(ctx, rule)
  return 'all'
}

/** By id or name: 404 when there is none, 409 when several have the name. */
export async function getContainer(ctx: Ctx, ident: string, scope?: Scope): Promise<Container> {
  const found = await findByIdent(ctx, ident, scope ?? { projectId: projectOf(ctx) })
  const [only, ...others] = found
  if (only === undefined)
    throw cloudError('notFound', `Container ${ident.slice(0, 255)} could not be found.`, {
      code: 'container-not-found',
    })
  if (others.length > 0)
    throw cloudError(
      'conflict',
      `Multiple containers exist with same name ${ident}. Please use the container uuid instead.`,
    )
  return only
}

/** The container, if the verb is allowed on it now: else 404 or 409. */
export async function containerFor(
  ctx: Ctx,
  deps: ContainerDeps,
  ident: string,
  verb: ContainerVerb,
  scope?: Scope,
): Promise<LiveContainer> {
  return await live(ctx, deps, await getContainer(ctx, ident, scope), verb)
}

async function live(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  verb: ContainerVerb,
): Promise<LiveContainer> {
  const workload = await deps.workload.find(ctx, container.id)
  const status = statusOf(container, workload, ctx.now())
  mustAllow(container.id, status.status, verb)
  if (workload === undefined)
    throw cloudError('conflict', `Container ${container.id} is gone from its host: delete it.`)
  return { container, workload, status }
}

/** As `containerFor`, and a server of Nova's by its id too: for verbs that make sense on both. */
export async function targetFor(
  ctx: Ctx,
  deps: ContainerDeps,
  ident: string,
  verb: ContainerVerb,
): Promise<LiveContainer> {
  const server = await serverUnlessContainer(ctx, deps, ident)
  return server === undefined
    ? await containerFor(ctx, deps, ident, verb)
    : await live(ctx, deps, server, verb)
}

/** The server of this id, unless a container is called so. */
export async function serverUnlessContainer(
  ctx: Ctx,
  deps: ContainerDeps,
  ident: string,
  scope: Scope = { projectId: projectOf(ctx) },
): Promise<Container | undefined> {
  const found = await findByIdent(ctx, ident, scope)
  return found.length > 0 ? undefined : await findServer(ctx, deps, ident, scope)
}

/** What a verb begins: a task, a new wish for the workload, changed columns, a line in the action log. */
export interface Beginning {
  /** Zun's name in the log; that of the task unless given. */
  readonly action?: string
  readonly kind: TaskKind
  readonly change: WorkloadChange
  readonly row?: Updateable<ContainerTable>
  /** What limits were, to go back to when the new ones cannot be had. */
  readonly before?: Task['before']
}

/** Wish, task and log in one transaction; joins an outer one. */
export async function begin(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  what: Beginning,
): Promise<Task> {
  return await inTx(ctx, async (tx) => {
    const generation = await deps.workload.change(tx, container.id, what.change)
    const before = what.before === undefined ? {} : { before: what.before }
    const task: Task = { kind: what.kind, generation, ...before }
    await enterTask(tx, container, { ...what.row, fault: null, task: toJson(task) })
    await logAction(tx, {
      containerId: container.id,
      projectId: container.projectId,
      action: what.action ?? what.kind,
      generation,
    })
    // the workload may have settled before the task was written: never wait for a nudge that came already
    await nudge(tx, 'container.container', container.id)
    return task
  })
}

/** Writes the row unless another request changed its task since it was read: of two at once, one gets a 409. */
export async function enterTask(
  tx: Ctx,
  container: Container,
  row: Updateable<ContainerTable>,
): Promise<void> {
  if (await updateWhile(tx, container.id, container.task, row)) return
  throw cloudError(
    'conflict',
    `Container ${container.id} is being changed by another request: try again.`,
  )
}

/** A line of the log that is finished at once. */
export async function logAtOnce(ctx: Ctx, container: Container, action: string): Promise<void> {
  const { id: containerId, projectId } = container
  await logAction(ctx, { containerId, projectId, action, generation: null }, true)
}
