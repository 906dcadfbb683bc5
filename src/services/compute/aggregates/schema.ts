import { Type } from '../../../kernel/schema/type.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { Envelope, METADATA_KEY, Name, Text } from '../wire/schemas.ts'
import { novaTime } from '../wire/times.ts'

/** Hosts with something in common. Its `availability_zone` metadata makes a zone of it. */
export interface Aggregate {
  readonly number: number
  readonly uuid: string
  readonly name: string
  readonly createdAt: string
  readonly updatedAt: string | null
  readonly hosts: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

/** The metadata key that names the zone. */
export const ZONE_KEY = 'availability_zone'

const strict = { additionalProperties: false } as const
/** A zone's name has no colon: `zone:host` is how a server asks for a host. */
const Zone = Type.Union([
  Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[^:\\p{Cc}\\p{Cs}]*(?<! )$' }),
  Type.Null(),
])

/** Hosts and metadata come later, by actions. */
export const NewAggregate = Envelope(
  'aggregate',
  Type.Object({ name: Name, availability_zone: Type.Optional(Zone) }, strict),
)
/** Either or both. */
export const AggregateUpdate = Envelope(
  'aggregate',
  Type.Object(
    { name: Type.Optional(Name), availability_zone: Type.Optional(Zone) },
    { ...strict, minProperties: 1 },
  ),
)
/** The body of `add_host` and `remove_host`. */
export const HostOnly = Type.Object(
  { host: Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' }) },
  strict,
)
/** `null` removes a key. */
export const NewMetadata = Type.Object(
  {
    metadata: Type.Record(
      Type.String({ pattern: METADATA_KEY }),
      Type.Union([Text(255), Type.Null()]),
      strict,
    ),
  },
  strict,
)
/** Images to have ready on the hosts. */
export const CacheImages = Type.Object(
  {
    cache: Type.Array(Type.Object({ id: Type.String({ format: 'uuid' }) }, strict), {
      minItems: 1,
      uniqueItems: true,
    }),
  },
  strict,
)

/** The answer to a create has no hosts and no metadata: there are none yet. */
export function newAggregateView(req: Req, aggregate: Aggregate): Record<string, unknown> {
  return {
    id: aggregate.number,
    ...(atLeast(req.version, '2.41') ? { uuid: aggregate.uuid } : {}),
    name: aggregate.name,
    availability_zone: aggregate.metadata[ZONE_KEY] ?? null,
    created_at: novaTime(aggregate.createdAt),
    updated_at: aggregate.updatedAt === null ? null : novaTime(aggregate.updatedAt),
    deleted: false,
    deleted_at: null,
  }
}

/** As in every answer but that to a create. */
export function aggregateView(req: Req, aggregate: Aggregate): Record<string, unknown> {
  return {
    ...newAggregateView(req, aggregate),
    hosts: aggregate.hosts,
    metadata: aggregate.metadata,
  }
}
