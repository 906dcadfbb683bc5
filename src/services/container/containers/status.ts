import type { Workload } from '../../workload/face.ts'
import type { ContainerStatus } from './can.ts'
import type { Container, Task, TaskKind } from './schema.ts'
import { exitedAgo, upFor } from './status-detail.ts'

/** What Zun's views say of a container's life, all from one place. */
export interface Status {
  readonly status: ContainerStatus
  readonly taskState: string | null
  readonly reason: string | null
  readonly detail: string
}

/** Zun's word for what is under way, and the status shown meanwhile where it is not that of before. */
const taskFacts: Readonly<
  Record<TaskKind, { readonly taskState: string | null; readonly status?: ContainerStatus }>
> = {
  create: { taskState: 'container_creating', status: 'Creating' },
  start: { taskState: 'container_starting' },
  stop: { taskState: 'container_stopping' },
  reboot: { taskState: 'container_rebooting', status: 'Restarting' },
  pause: { taskState: 'container_pausing' },
  unpause: { taskState: 'container_unpausing' },
  kill: { taskState: 'container_killing' },
  rebuild: { taskState: 'container_rebuilding', status: 'Rebuilding' },
  update: { taskState: null },
  network_attach: { taskState: 'network_attaching' },
  network_detach: { taskState: 'network_detaching' },
  delete: { taskState: 'container_deleting', status: 'Deleting' },
}

type Seen = Pick<
  Workload,
  | 'seen'
  | 'error'
  | 'step'
  | 'wish'
  | 'settledGeneration'
  | 'exitCode'
  | 'oomKilled'
  | 'startedAt'
  | 'finishedAt'
  | 'restarting'
  | 'health'
>
type Known = Pick<Container, 'task' | 'fault'>

/** The task that is still under way; undefined when there is none or the workload has made it true. */
export function openTask(
  { task }: Pick<Container, 'task'>,
  workload: Seen | undefined,
): Task | undefined {
  if (task === undefined || task.kind === 'delete') return task
  return workload !== undefined && workload.settledGeneration >= task.generation ? undefined : task
}

/** Pure: the container's row and its workload (undefined when it is gone) to what the API says. */
export function statusOf(container: Known, workload: Seen | undefined, now: Date): Status {
  const task = openTask(container, workload)
  if (task?.kind === 'delete' || workload?.wish === 'removed')
    return {
      status: 'Deleting',
      taskState: 'container_deleting',
      reason: workload?.error ?? null,
      detail: '',
    }
  if (workload === undefined) return gone(container)
  if (workload.error !== null)
    return { status: 'Error', taskState: null, reason: workload.error, detail: '' }
  const quiet = quietStatus(workload)
  const facts = task === undefined ? undefined : taskFacts[task.kind]
  return {
    status: facts?.status ?? quiet,
    taskState: taskState(task, facts?.taskState ?? null, workload),
    reason: container.fault,
    detail: detailOf(quiet, workload, now),
  }
}

function gone(container: Known): Status {
  const reason = container.fault ?? 'The container is gone from its host.'
  return { status: 'Error', taskState: null, reason, detail: '' }
}

function quietStatus(workload: Seen): ContainerStatus {
  if (workload.restarting) return 'Restarting'
  switch (workload.seen) {
    case 'running':
      return 'Running'
    case 'paused':
      return 'Paused'
    case 'stopped':
      return workload.startedAt === null ? 'Created' : 'Stopped'
    case 'new':
      return 'Creating'
  }
}

/** A task that fetches its image says so. */
function taskState(task: Task | undefined, usual: string | null, workload: Seen): string | null {
  if (task === undefined || usual === null) return usual
  const fetching = workload.step !== null && /image/.test(workload.step)
  return fetching && (task.kind === 'create' || task.kind === 'rebuild') ? 'image_pulling' : usual
}

function detailOf(status: ContainerStatus, workload: Seen, now: Date): string {
  switch (status) {
    case 'Running':
      return upFor(now, workload.startedAt, workload.health)
    case 'Paused':
      return `${upFor(now, workload.startedAt, null)} (paused)`
    case 'Restarting':
      // what is not well still runs when its restart is decided: it has not exited
      return workload.health === 'unhealthy'
        ? 'Restarting; unhealthy'
        : `Restarting; ${exitedAgo(now, workload)}`
    case 'Stopped':
      return exitedAgo(now, workload)
    case 'Creating':
      return workload.step ?? ''
    default:
      return status
  }
}
