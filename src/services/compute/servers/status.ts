import type { Workload } from '../../workload/face.ts'
import type { Fault, Server, ServerBase, Task, TaskKind } from './schema.ts'

/** What Nova's views say of a server's life, all from one place. */
export interface Status {
  readonly status: string
  readonly vmState: string
  readonly taskState: string | null
  /** 0 unknown, 1 running, 3 paused, 4 shut down. */
  readonly powerState: number
  readonly fault: Fault | undefined
}

interface TaskFacts {
  readonly taskState: string
  /** Shown instead of the state of before, while the task lasts. */
  readonly status?: string
  readonly vmState?: string
  /** The base state when the task is done; unchanged when missing. */
  readonly after?: ServerBase
  /** Ended by the snapshot reconciler, not by the workload's settling. */
  readonly bySnapshot?: true
}

export const taskFacts: Readonly<Record<TaskKind, TaskFacts>> = {
  build: { taskState: 'spawning', status: 'BUILD', vmState: 'building', after: 'normal' },
  start: { taskState: 'powering-on' },
  stop: { taskState: 'powering-off' },
  pause: { taskState: 'pausing' },
  unpause: { taskState: 'unpausing' },
  suspend: { taskState: 'suspending', after: 'suspended' },
  resume: { taskState: 'resuming', after: 'normal' },
  reboot: { taskState: 'rebooting', status: 'REBOOT', after: 'normal' },
  'reboot-hard': { taskState: 'rebooting_hard', status: 'HARD_REBOOT', after: 'normal' },
  rebuild: { taskState: 'rebuilding', status: 'REBUILD', after: 'normal' },
  resize: { taskState: 'resize_prep', status: 'RESIZE', after: 'resized' },
  revert: { taskState: 'resize_reverting', status: 'REVERT_RESIZE', after: 'normal' },
  rescue: { taskState: 'rescuing', after: 'rescued' },
  unrescue: { taskState: 'unrescuing', after: 'normal' },
  snapshot: { taskState: 'image_snapshot', bySnapshot: true },
  backup: { taskState: 'image_backup', bySnapshot: true },
  shelve: { taskState: 'shelving', bySnapshot: true },
  unshelve: { taskState: 'spawning', after: 'normal' },
  delete: { taskState: 'deleting' },
}

type Seen = Pick<Workload, 'seen' | 'error' | 'step' | 'settledGeneration' | 'settledAt'>

/** The task that is still under way; undefined when there is none or the workload has made it true. */
export function openTask(
  server: Pick<Server, 'task'>,
  workload: Seen | undefined,
): Task | undefined {
  const { task } = server
  if (task === undefined || task.kind === 'delete' || taskFacts[task.kind].bySnapshot === true)
    return task
  return workload !== undefined && workload.settledGeneration >= task.generation ? undefined : task
}

/** The base state, with a task that the workload has made true already counted in. */
export function baseState(
  server: Pick<Server, 'state' | 'task'>,
  workload: Seen | undefined,
): ServerBase {
  const done = server.task !== undefined && openTask(server, workload) === undefined
  return (
    (done && server.task !== undefined ? taskFacts[server.task.kind].after : undefined) ??
    server.state
  )
}

type Known = Pick<Server, 'state' | 'task' | 'fault' | 'launchedAt' | 'deletedAt' | 'updatedAt'>

/** Pure: the server's row and its workload (undefined when it is gone) to what the API says. */
export function statusOf(server: Known, workload: Seen | undefined): Status {
  const powerState = powerOf(workload)
  if (server.deletedAt !== null)
    return {
      status: 'DELETED',
      vmState: 'deleted',
      taskState: null,
      powerState: 0,
      fault: server.fault,
    }
  const task = openTask(server, workload)
  const deleting = task?.kind === 'delete' ? 'deleting' : null
  const fault = faultOf(server, workload)
  if (fault !== undefined)
    return { status: 'ERROR', vmState: 'error', taskState: deleting, powerState, fault }
  if (server.launchedAt === null && (task !== undefined || workload === undefined)) {
    return {
      status: 'BUILD',
      vmState: 'building',
      taskState: deleting ?? buildStep(workload),
      powerState,
      fault,
    }
  }
  const quiet = quietState(baseState(server, workload), workload)
  const facts = task === undefined ? undefined : taskFacts[task.kind]
  return {
    status: facts?.status ?? quiet.status,
    vmState: facts?.vmState ?? quiet.vmState,
    taskState: facts?.taskState ?? null,
    powerState:
      quiet.status === 'SHELVED_OFFLOADED' || quiet.status === 'SUSPENDED' ? 4 : powerState,
    fault,
  }
}

/** Why the server is in ERROR; undefined when it is not. A workload that failed has its own reason, the newest. */
function faultOf(server: Known, workload: Seen | undefined): Fault | undefined {
  if (server.task?.kind === 'delete' && server.state !== 'error') return undefined
  if (workload?.error !== null && workload?.error !== undefined) {
    const message = workload.error.slice(0, 255)
    return {
      code: 500,
      message,
      details: workload.error,
      created:
        server.fault?.message === message
          ? server.fault.created
          : (workload.settledAt ?? server.updatedAt),
    }
  }
  if (
    server.state === 'error' &&
    openTask(server, workload) === undefined &&
    baseState(server, workload) === 'error'
  ) {
    return (
      server.fault ?? {
        code: 500,
        message: 'An administrator set the state to error.',
        details: '',
        created: server.updatedAt,
      }
    )
  }
  if (workload === undefined && server.task === undefined) {
    return {
      code: 500,
      message: 'The container of this server is gone.',
      details: '',
      created: server.updatedAt,
    }
  }
  return undefined
}

function quietState(
  base: ServerBase,
  workload: Seen | undefined,
): { readonly status: string; readonly vmState: string } {
  switch (base) {
    case 'resized':
      return { status: 'VERIFY_RESIZE', vmState: 'resized' }
    case 'shelved_offloaded':
      return { status: 'SHELVED_OFFLOADED', vmState: 'shelved_offloaded' }
    case 'rescued':
      return { status: 'RESCUE', vmState: 'rescued' }
    case 'suspended':
      return { status: 'SUSPENDED', vmState: 'suspended' }
    case 'normal':
    case 'error': // a task of its own is ending the error
      if (workload?.seen === 'paused') return { status: 'PAUSED', vmState: 'paused' }
      return workload?.seen === 'running'
        ? { status: 'ACTIVE', vmState: 'active' }
        : { status: 'SHUTOFF', vmState: 'stopped' }
  }
}

/** Nova's words for the way to a running server. */
function buildStep(workload: Seen | undefined): string {
  if (workload?.step === null || workload === undefined) return 'scheduling'
  return /port/.test(workload.step) ? 'networking' : 'spawning'
}

function powerOf(workload: Seen | undefined): number {
  switch (workload?.seen) {
    case 'running':
      return 1
    case 'paused':
      return 3
    case 'stopped':
      return 4
    default:
      return 0
  }
}
