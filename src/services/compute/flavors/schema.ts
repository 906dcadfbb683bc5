import { Type, type Static } from '../../../kernel/schema/type.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { linksOf } from '../wire/links.ts'
import { BooleanLike, Envelope, IntegerLike, METADATA_KEY, Name, Text } from '../wire/schemas.ts'

/** What a server gets: the other folders of compute copy it into the server's row. */
export interface Flavor {
  readonly id: string
  readonly name: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly diskGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly description: string | null
  readonly isPublic: boolean
  readonly disabled: boolean
  readonly rxtxFactor: number
  readonly extraSpecs: Readonly<Record<string, string>>
}

const Description = Type.Union([Text(65_535), Type.Null()])

const FlavorId = Type.Union([
  Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]*(?<! )$' }),
  Type.Integer({ minimum: 0 }),
  Type.Null(),
])

const fields = {
  name: Name,
  id: Type.Optional(FlavorId),
  ram: IntegerLike(1),
  vcpus: IntegerLike(1),
  disk: IntegerLike(0),
  'OS-FLV-EXT-DATA:ephemeral': Type.Optional(IntegerLike(0)),
  swap: Type.Optional(IntegerLike(0)),
  rxtx_factor: Type.Optional(
    Type.Union([
      Type.Number({ exclusiveMinimum: 0, maximum: 3.4e38 }),
      Type.String({ maxLength: 40, pattern: '^[0-9]{1,30}(?:\\.[0-9]{1,8})?$' }),
    ]),
  ),
  'os-flavor-access:is_public': Type.Optional(BooleanLike),
}
const strict = { additionalProperties: false } as const

/** From 2.55 on, with a description. */
export const NewFlavor = Envelope(
  'flavor',
  Type.Object({ ...fields, description: Type.Optional(Description) }, strict),
)
export type NewFlavor = Static<typeof NewFlavor>['flavor']
/** Before 2.55, when flavors had no description. */
export const NewFlavor21 = Envelope('flavor', Type.Object(fields, strict))

/** Sizes never change: a server's owner counts on them. */
export const FlavorUpdate = Envelope('flavor', Type.Object({ description: Description }, strict))

const SpecValue = Type.Union([Text(255), Type.Number()])
const SpecMap = Type.Record(Type.String({ pattern: METADATA_KEY }), SpecValue, strict)
/** Any number of specs at once. */
export const NewExtraSpecs = Envelope('extra_specs', SpecMap)
/** `{ <key>: <value> }`, the key being that of the URL. */
export const OneExtraSpec = Type.Record(Type.String({ pattern: METADATA_KEY }), SpecValue, {
  ...strict,
  minProperties: 1,
  maxProperties: 1,
})

/** The body of both access actions. */
export const TenantAccess = Type.Object(
  { tenant: Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-]*$' }) },
  strict,
)

/** As in `GET /flavors`. */
export function flavorSummary(req: Req, flavor: Flavor): Record<string, unknown> {
  return {
    id: flavor.id,
    name: flavor.name,
    links: linksOf(req, 'flavors', flavor.id),
    ...(atLeast(req.version, '2.55') ? { description: flavor.description } : {}),
  }
}

/** As in `GET /flavors/{id}`. */
export function flavorView(req: Req, flavor: Flavor): Record<string, unknown> {
  return {
    ...flavorSummary(req, flavor),
    ram: flavor.ramMiB,
    disk: flavor.diskGiB,
    vcpus: flavor.vcpus,
    // an absent swap was the empty text until 2.75
    swap: flavor.swapMiB === 0 && !atLeast(req.version, '2.75') ? '' : flavor.swapMiB,
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeralGiB,
    'OS-FLV-DISABLED:disabled': flavor.disabled,
    'os-flavor-access:is_public': flavor.isPublic,
    rxtx_factor: flavor.rxtxFactor,
    ...(atLeast(req.version, '2.61') ? { extra_specs: flavor.extraSpecs } : {}),
  }
}
