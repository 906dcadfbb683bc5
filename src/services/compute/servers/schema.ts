import type { Selectable } from 'kysely'
import { fromJson } from '../../../kernel/db/db.ts'

/**
 * A server as Nova knows it: what was asked for and what the workload behind it (same id) does not know. Its status is never
 * stored: `status.ts` derives it from this and the workload.
 */
export interface ServerTable {
  id: string
  project_id: string
  user_id: string
  name: string
  hostname: string
  description: string | null
  image_id: string
  flavor_id: string
  /** JSON `FlavorSnapshot`: what the server was made with, whatever becomes of the flavor. */
  flavor: string
  /** JSON `FlavorSnapshot` of before a resize that is not confirmed. */
  previous_flavor: string | null
  vcpus: number
  ram_mib: number
  key_name: string | null
  public_key: string | null
  metadata: string
  hints: string
  /** JSON: port id → device tag. */
  nic_tags: string
  trusted_certs: string | null
  /** The zone that was asked for by name. */
  zone: string | null
  config_drive: number
  user_data: string | null
  access_ipv4: string
  access_ipv6: string
  disk_config: string
  locked: number
  locked_reason: string | null
  locked_by: string | null
  host: string
  launch_index: number
  reservation_id: string
  state: ServerBase
  /** JSON `Task` */
  task: string | null
  /** JSON `Fault` */
  fault: string | null
  /** Holds the file system of a shelved server; thrown away when it is unshelved. */
  shelved_image_id: string | null
  /** What the guest posted to its metadata service. */
  password: string | null
  created_at: string
  updated_at: string
  launched_at: string | null
  terminated_at: string | null
  deleted_at: string | null
}
export type ServerRow = Selectable<ServerTable>

export interface TagTable {
  server_id: string
  tag: string
}

export interface ServerTables {
  compute_servers: ServerTable
  compute_server_tags: TagTable
}

/** What the server is when nothing is under way; `normal` is running, stopped or paused as the workload is. */
export type ServerBase =
  | 'normal'
  | 'suspended'
  | 'resized'
  | 'rescued'
  | 'shelved_offloaded'
  | 'error'

export type TaskKind =
  | 'build'
  | 'start'
  | 'stop'
  | 'pause'
  | 'unpause'
  | 'suspend'
  | 'resume'
  | 'reboot'
  | 'reboot-hard'
  | 'rebuild'
  | 'resize'
  | 'revert'
  | 'rescue'
  | 'unrescue'
  | 'snapshot'
  | 'backup'
  | 'shelve'
  | 'unshelve'
  | 'delete'

/** Done when the workload has settled `generation`, unless a snapshot (`snapshots/`) has the last word. */
export interface Task {
  readonly kind: TaskKind
  readonly generation: number
}

export interface Fault {
  readonly code: number
  readonly message: string
  readonly details: string
  readonly created: string
}

export interface FlavorSnapshot {
  readonly id: string
  readonly name: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly diskGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly extraSpecs: Readonly<Record<string, string>>
}

/** The row, read. */
export interface Server {
  readonly id: string
  readonly projectId: string
  readonly userId: string
  readonly name: string
  readonly hostname: string
  readonly description: string | null
  readonly imageId: string
  readonly flavor: FlavorSnapshot
  readonly previousFlavor: FlavorSnapshot | undefined
  readonly vcpus: number
  readonly ramMiB: number
  readonly keyName: string | null
  readonly publicKey: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly hints: Readonly<Record<string, unknown>>
  readonly nicTags: Readonly<Record<string, string>>
  readonly trustedCerts: readonly string[] | null
  readonly zone: string | null
  readonly configDrive: boolean
  readonly userData: string | null
  readonly accessIpv4: string
  readonly accessIpv6: string
  readonly diskConfig: string
  readonly locked: boolean
  readonly lockedReason: string | null
  readonly lockedBy: string | null
  readonly host: string
  readonly launchIndex: number
  readonly reservationId: string
  readonly state: ServerBase
  readonly task: Task | undefined
  readonly fault: Fault | undefined
  readonly shelvedImageId: string | null
  readonly password: string | null
  readonly createdAt: string
  readonly updatedAt: string
  readonly launchedAt: string | null
  readonly terminatedAt: string | null
  readonly deletedAt: string | null
}

/** Most maps are empty and most flavors the same: a long list reads each text once (`read`). */
export function serverOf(row: ServerRow, read: (text: string) => unknown = fromJson): Server {
  return { ...plainColumns(row), ...jsonColumns(row, read) }
}

function plainColumns(row: ServerRow): Omit<Server, keyof ReturnType<typeof jsonColumns>> {
  return {
    id: row.id,
    projectId: row.project_id,
    userId: row.user_id,
    name: row.name,
    hostname: row.hostname,
    description: row.description,
    imageId: row.image_id,
    vcpus: row.vcpus,
    ramMiB: row.ram_mib,
    keyName: row.key_name,
    publicKey: row.public_key,
    zone: row.zone,
    configDrive: row.config_drive === 1,
    userData: row.user_data,
    accessIpv4: row.access_ipv4,
    accessIpv6: row.access_ipv6,
    diskConfig: row.disk_config,
    locked: row.locked === 1,
    lockedReason: row.locked_reason,
    lockedBy: row.locked_by,
    host: row.host,
    launchIndex: row.launch_index,
    reservationId: row.reservation_id,
    state: row.state,
    shelvedImageId: row.shelved_image_id,
    password: row.password,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    launchedAt: row.launched_at,
    terminatedAt: row.terminated_at,
    deletedAt: row.deleted_at,
  }
}

/** Each column was written as JSON of just this type, by this service only. */
function jsonColumns(row: ServerRow, read: (text: string) => unknown) {
  const orNull = (text: string | null): unknown => (text === null ? undefined : read(text))
  return {
    flavor: read(row.flavor) as FlavorSnapshot,
    previousFlavor: orNull(row.previous_flavor) as FlavorSnapshot | undefined,
    metadata: read(row.metadata) as Record<string, string>,
    hints: read(row.hints) as Record<string, unknown>,
    nicTags: read(row.nic_tags) as Record<string, string>,
    trustedCerts: (orNull(row.trusted_certs) ?? null) as readonly string[] | null,
    task: orNull(row.task) as Task | undefined,
    fault: orNull(row.fault) as Fault | undefined,
  }
}
