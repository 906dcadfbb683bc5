import type { Selectable } from 'kysely'
import { fromJson } from '../../kernel/db/db.ts'
import type { Limits } from '../../ports/compute.ts'
import type { Nic, Power, Process, PullPolicy, Workload, WorkloadState } from './face.ts'

/** The one table of everything that runs. JSON columns: limits, nics, bound_ports (ids that the engine may hold), process. */
export interface WorkloadTable {
  id: string
  project_id: string
  owner_kind: string
  name: string
  host: string
  image_id: string
  image_key: string
  /** Grows with each rebuild; the container carries it, so that an old one is recognised. */
  revision: number
  limits: string
  disk_gib: number
  nics: string
  bound_ports: string
  process: string
  /** Whose sandbox it joins; null for its own. */
  sandbox_of: string | null
  shares_sandbox: number
  restart_policy: string
  /** Restarts by its policy since somebody last started it. */
  restarts: number
  /** When the next of them is due; null when none is. */
  restart_at: string | null
  heal: number
  health: Workload['health']
  grace_seconds: number
  image_pull: PullPolicy | null
  /** The revision for which the image was last fetched by its name. */
  fetched_revision: number
  /** When a user last sent its process a signal that ends. */
  killed_at: string | null
  rescue: number
  /** How often the file system was carried over to a new container since it came from the image; 0 = it is the image's. */
  carried: number
  power: Power
  removing: number
  generation: number
  settled_generation: number
  /** The wish is old, but was found untrue and is being made true again: a container that has exited was not left so by itself. */
  repairing: number
  /** A restart that is asked for and not yet under way. */
  restart: 'soft' | 'hard' | null
  seen: Workload['seen']
  error: string | null
  step: string | null
  exit_code: number | null
  oom_killed: number
  started_at: string | null
  finished_at: string | null
  settled_at: string | null
  created_at: string
}
export type WorkloadRow = Selectable<WorkloadTable>

/** The columns of `WorkloadState`. */
export const stateColumns = [
  'id',
  'nics',
  'seen',
  'error',
  'step',
  'settled_generation',
  'settled_at',
] as const

export function stateView(row: Pick<WorkloadRow, (typeof stateColumns)[number]>): WorkloadState {
  return {
    id: row.id,
    nics: fromJson<Nic[]>(row.nics),
    seen: row.seen,
    error: row.error,
    step: row.step,
    settledGeneration: row.settled_generation,
    settledAt: row.settled_at,
  }
}

/** The row as other services see it. */
export function workloadView(row: WorkloadRow): Workload {
  return {
    ...stateView(row),
    projectId: row.project_id,
    name: row.name,
    image: { imageId: row.image_id, key: row.image_key },
    limits: fromJson<Limits>(row.limits),
    diskGiB: row.disk_gib,
    process: fromJson<Process>(row.process),
    rescue: row.rescue === 1,
    host: row.host,
    wish: row.removing === 1 ? 'removed' : row.power,
    generation: row.generation,
    restarting: row.restart_at !== null,
    restarts: row.restarts,
    health: row.health,
    exitCode: row.exit_code,
    oomKilled: row.oom_killed === 1,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    createdAt: row.created_at,
  }
}
