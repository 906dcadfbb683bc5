import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Selectable } from 'kysely'
import { fromJson } from '../../../kernel/db/db.ts'
import { BooleanLike, ImageName, Text } from '../wire/schemas.ts'

/** Where a build stands. The last three are its end. */
export type BuildStatus = 'Queued' | 'Building' | 'Saving' | 'Succeeded' | 'Failed' | 'Cancelled'

export const isOver = (status: BuildStatus): boolean =>
  status === 'Succeeded' || status === 'Failed' || status === 'Cancelled'

export interface BuildTable {
  id: string
  project_id: string
  user_id: string
  /** Name of the image it makes. */
  name: string
  status: BuildStatus
  /** Why it failed. */
  reason: string | null
  /** JSON: BuildOptions */
  options: string
  /** 1: somebody asked for its end. */
  cancelled: number
  /** How often it was begun: a process that ends in the middle leaves it to the next. */
  attempts: number
  /** Glance's id, from the moment that the image is reserved. */
  image_id: string | null
  created_at: string
  started_at: string | null
  finished_at: string | null
}

export type BuildRow = Selectable<BuildTable>

export interface BuildOptions {
  readonly dockerfile?: string
  readonly target?: string
  readonly args: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly noCache: boolean
  readonly pull: boolean
  readonly network?: 'none'
}

const Pairs = Type.Union([Text(32_768, 1), Type.Array(Text(32_768, 1), { maxItems: 200 })])

/** Everything but the files: they are the body. */
export const NewBuildQuery = Type.Object(
  {
    name: ImageName,
    dockerfile: Type.Optional(Text(1024, 1)),
    target: Type.Optional(Text(255, 1)),
    arg: Type.Optional(Pairs),
    label: Type.Optional(Pairs),
    no_cache: Type.Optional(BooleanLike),
    pull: Type.Optional(BooleanLike),
    network: Type.Optional(Type.Literal('none')),
  },
  { additionalProperties: false },
)
export type NewBuildQuery = Static<typeof NewBuildQuery>

/** A build as clients see it. `image_id` is there from the moment that the image can be used. */
export function buildView(row: BuildRow): Record<string, unknown> {
  const { dockerfile, target, labels } = fromJson<BuildOptions>(row.options)
  return {
    uuid: row.id,
    name: row.name,
    project_id: row.project_id,
    user_id: row.user_id,
    status: row.status,
    status_reason: row.reason,
    image_id: row.status === 'Succeeded' ? row.image_id : null,
    dockerfile: dockerfile ?? 'Dockerfile',
    target: target ?? null,
    labels,
    created_at: row.created_at,
    started_at: row.started_at,
    finished_at: row.finished_at,
  }
}
