import type { Selectable } from 'kysely'
import { fromJson } from '../../../kernel/db/db.ts'

/** Groups of containers that share network, IPC and volumes. Their containers are rows of `container_containers`. */
export interface CapsuleTable {
  id: string
  project_id: string
  user_id: string
  name: string
  labels: string
  annotations: string
  /** Docker's word: always, on-failure, no. */
  restart_policy: string
  zone: string | null
  /** The container whose sandbox and volumes the others share. */
  owner_id: string
  own_group_id: string | null
  host: string
  removing: number
  created_at: string
  updated_at: string
}
export type CapsuleRow = Selectable<CapsuleTable>

export type CapsuleRestart = 'always' | 'on-failure' | 'no'

export interface Capsule {
  readonly id: string
  readonly projectId: string
  readonly userId: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly restartPolicy: CapsuleRestart
  readonly zone: string | null
  readonly ownerId: string
  readonly ownGroupId: string | null
  readonly host: string
  readonly removing: boolean
  readonly createdAt: string
  readonly updatedAt: string
}

export function capsuleOf(row: CapsuleRow): Capsule {
  return {
    id: row.id,
    projectId: row.project_id,
    userId: row.user_id,
    name: row.name,
    labels: fromJson<Record<string, string>>(row.labels),
    annotations: fromJson<Record<string, string>>(row.annotations),
    restartPolicy: row.restart_policy as CapsuleRestart, // written by this service only
    zone: row.zone,
    ownerId: row.owner_id,
    ownGroupId: row.own_group_id,
    host: row.host,
    removing: row.removing === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
