import type { Selectable } from 'kysely'
import { fromJson } from '../../../kernel/db/db.ts'

/** Containers as they were asked for; what runs is the workload of the same id. Columns that hold JSON are named in `containerOf`. */
export interface ContainerTable {
  id: string
  project_id: string
  user_id: string
  name: string
  image: string
  image_driver: ImageDriver
  image_pull_policy: string | null
  registry_id: string | null
  command: string | null
  entrypoint: string | null
  /** Thousandths of a CPU. */
  cpu_milli: number
  memory_mib: number
  disk_gib: number
  cpu_policy: string
  environment: string
  labels: string
  workdir: string | null
  hostname: string | null
  interactive: number
  tty: number
  restart_policy: string
  healthcheck: string | null
  auto_remove: number
  auto_heal: number
  privileged: number
  runtime: string | null
  zone: string | null
  hints: string
  mounts: string
  exposed_ports: string
  published_ports: string
  /** Groups that were asked for, by id; null for the network's own default. */
  security_groups: string | null
  /** The group that opens the exposed ports; it goes with the container. */
  own_group_id: string | null
  host: string
  /** The capsule it belongs to, and its place in it. */
  capsule_id: string | null
  capsule_role: CapsuleRole | null
  /** In the order of its capsule's template, init containers first. */
  capsule_place: number
  /** The container whose network and IPC it shares; null for its own. */
  sandbox_of: string | null
  /** Volumes of its capsule, where they are mounted. */
  volumes: string
  task: string | null
  /** Why the last task failed; cleared by the next that succeeds. */
  fault: string | null
  created_at: string
  updated_at: string
}
export type ContainerRow = Selectable<ContainerTable>

export interface ContainerTables {
  container_containers: ContainerTable
}

export type ImageDriver = 'docker' | 'glance'
export type CapsuleRole = 'main' | 'init'

/** What is under way: done when the workload has settled this generation. */
export interface Task {
  readonly kind: TaskKind
  readonly generation: number
  /** Of an update: the limits of before. */
  readonly before?: { readonly cpu_milli: number; readonly memory_mib: number }
}

export type TaskKind =
  | 'create'
  | 'start'
  | 'stop'
  | 'reboot'
  | 'pause'
  | 'unpause'
  | 'kill'
  | 'rebuild'
  | 'update'
  | 'network_attach'
  | 'network_detach'
  | 'delete'

export interface RestartPolicy {
  readonly Name: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  /** Zun keeps the count as text. */
  readonly MaximumRetryCount: string
}

/** Times in seconds. */
export interface Healthcheck {
  readonly test: string
  readonly interval?: number
  readonly retries?: number
  readonly timeout?: number
}

/** A file with its content (base64), or a volume of its own. */
export type Mount =
  | { readonly type: 'bind'; readonly source: string; readonly destination: string }
  | { readonly type: 'volume'; readonly sizeGiB: number; readonly destination: string }

/** A volume that the containers of a capsule share. */
export interface SharedVolume {
  readonly name: string
  readonly sizeGiB: number
  readonly path: string
  readonly readOnly: boolean
}

export interface Container {
  /** One of ours, or a server of Nova's that is looked at in this tongue. */
  readonly kind: 'container' | 'server'
  readonly id: string
  readonly projectId: string
  readonly userId: string
  readonly name: string
  readonly image: string
  readonly imageDriver: ImageDriver
  readonly imagePullPolicy: string | null
  readonly registryId: string | null
  readonly command: readonly string[] | null
  readonly entrypoint: readonly string[] | null
  readonly cpu: number
  readonly memoryMiB: number
  readonly diskGiB: number
  readonly cpuPolicy: string
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly workdir: string | null
  readonly hostname: string | null
  readonly interactive: boolean
  readonly tty: boolean
  readonly restartPolicy: RestartPolicy
  readonly healthcheck: Healthcheck | null
  readonly autoRemove: boolean
  readonly autoHeal: boolean
  readonly privileged: boolean
  readonly runtime: string | null
  readonly zone: string | null
  readonly hints: Readonly<Record<string, unknown>>
  readonly mounts: readonly Mount[]
  readonly exposedPorts: readonly string[]
  /** Port inside (`8080/tcp`) → port of the host. */
  readonly publishedPorts: Readonly<Record<string, number>>
  readonly securityGroups: readonly string[] | undefined
  readonly ownGroupId: string | null
  readonly host: string
  readonly capsuleId: string | null
  readonly capsuleRole: CapsuleRole | null
  readonly capsulePlace: number
  readonly sandboxOf: string | null
  readonly volumes: readonly SharedVolume[]
  readonly task: Task | undefined
  readonly fault: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

export function containerOf(row: ContainerRow): Container {
  return {
    kind: 'container',
    ...scalarsOf(row),
    ...jsonOf(row),
    cpu: row.cpu_milli / 1000,
    interactive: row.interactive === 1,
    tty: row.tty === 1,
    autoRemove: row.auto_remove === 1,
    autoHeal: row.auto_heal === 1,
    privileged: row.privileged === 1,
  }
}

function scalarsOf(row: ContainerRow) {
  return {
    id: row.id,
    projectId: row.project_id,
    userId: row.user_id,
    name: row.name,
    image: row.image,
    imageDriver: row.image_driver,
    imagePullPolicy: row.image_pull_policy,
    registryId: row.registry_id,
    memoryMiB: row.memory_mib,
    diskGiB: row.disk_gib,
    cpuPolicy: row.cpu_policy,
    workdir: row.workdir,
    hostname: row.hostname,
    runtime: row.runtime,
    zone: row.zone,
    ownGroupId: row.own_group_id,
    host: row.host,
    capsuleId: row.capsule_id,
    capsuleRole: row.capsule_role,
    capsulePlace: row.capsule_place,
    sandboxOf: row.sandbox_of,
    fault: row.fault,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function jsonOf(row: ContainerRow) {
  return {
    command: orNull<string[]>(row.command),
    entrypoint: orNull<string[]>(row.entrypoint),
    environment: fromJson<Record<string, string>>(row.environment),
    labels: fromJson<Record<string, string>>(row.labels),
    restartPolicy: fromJson<RestartPolicy>(row.restart_policy),
    healthcheck: orNull<Healthcheck>(row.healthcheck),
    hints: fromJson<Record<string, unknown>>(row.hints),
    mounts: fromJson<Mount[]>(row.mounts),
    exposedPorts: fromJson<string[]>(row.exposed_ports),
    volumes: fromJson<SharedVolume[]>(row.volumes),
    publishedPorts: fromJson<Record<string, number>>(row.published_ports),
    securityGroups: orNull<string[]>(row.security_groups) ?? undefined,
    task: orNull<Task>(row.task) ?? undefined,
  }
}

// oxlint-disable-next-line no-unnecessary-type-parameters -- the type parameter is the caller's claim, as in `fromJson`
function orNull<T>(text: string | null): T | null {
  return text === null ? null : fromJson<T>(text)
}
