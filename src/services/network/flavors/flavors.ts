import { randomUUID } from 'node:crypto'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, creation, Flag, given, Id, Text, type View } from '../standard/schema.ts'
import { changeRow, findRow } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import {
  bind,
  bindingsOf,
  deleteFlavor,
  flavorSpec,
  hasRouterOf,
  insertFlavor,
  profileSpec,
  unbind,
  type FlavorRow,
  type ProfileRow,
} from './store.ts'

/** Kinds of service that a flavor can be of: those there are. */
const serviceTypes = ['FLAVORS', 'L3_ROUTER_NAT', 'METERING', 'QOS', 'TRUNK']

const Profiles = Type.Optional(Type.Array(Id, { maxItems: 100, uniqueItems: true }))
const NewFlavor = creation({
  description: Type.Optional(Type.Union([Text(1024), Type.Null()])),
  service_type: Text(36),
  service_profiles: Profiles,
  enabled: Type.Optional(Flag),
})
const FlavorChange = Type.Object(
  {
    name: Type.Optional(Text()),
    description: Type.Optional(Type.Union([Text(1024), Type.Null()])),
    service_profiles: Profiles,
    enabled: Type.Optional(Flag),
  },
  { additionalProperties: false },
)

/** Flavors: kinds of a service that users choose from. Everybody sees them, admins make them. */
export function flavorResource(): Resource {
  return resource<FlavorRow, typeof NewFlavor, typeof FlavorChange>({
    singular: 'flavor',
    plural: 'flavors',
    path: 'flavors',
    label: 'Flavor',
    notFound: 'FlavorNotFound',
    spec: flavorSpec,
    createBody: NewFlavor,
    updateBody: FlavorChange,
    adminWrites: true,
    create: createFlavor,
    update: updateFlavor,
    remove: removeFlavor,
    views: flavorViews,
  })
}

async function createFlavor(
  tx: Ctx,
  wish: Static<typeof NewFlavor>,
  projectId: string,
): Promise<string> {
  if (!serviceTypes.includes(wish.service_type))
    throw neutronError(
      'badRequest',
      'InvalidServiceType',
      `Invalid service type: ${wish.service_type}. There are: ${serviceTypes.join(', ')}.`,
    )
  const id = randomUUID()
  await insertFlavor(tx, {
    ...newRow(tx, id, projectId, { name: wish.name, description: wish.description ?? '' }),
    service_type: wish.service_type,
    enabled: bit(wish.enabled, true),
  })
  for (const profile of wish.service_profiles ?? []) await bindProfile(tx, id, profile)
  return id
}

async function updateFlavor(
  tx: Ctx,
  row: FlavorRow,
  wish: Static<typeof FlavorChange>,
): Promise<void> {
  if (wish.service_profiles !== undefined) await rebind(tx, row.id, wish.service_profiles)
  await changeRow(tx, flavorSpec, row.id, {
    name: wish.name,
    description: given(wish.description, (text) => text ?? ''),
    enabled: given(wish.enabled, (on) => bit(on, true)),
  })
}

async function rebind(tx: Ctx, flavorId: string, wanted: readonly string[]): Promise<void> {
  const had = (await bindingsOf(tx, 'flavor_id', [flavorId])).map(({ profile_id }) => profile_id)
  for (const profile of had.filter((id) => !wanted.includes(id)))
    await unbind(tx, flavorId, profile)
  for (const profile of wanted.filter((id) => !had.includes(id)))
    await bindProfile(tx, flavorId, profile)
}

export async function bindProfile(tx: Ctx, flavorId: string, profileId: string): Promise<void> {
  const profile = await findRow<ProfileRow>(tx, profileSpec, profileId)
  if (profile === undefined)
    throw neutronError(
      'notFound',
      'ServiceProfileNotFound',
      `Service Profile ${profileId} could not be found.`,
    )
  if (await bind(tx, flavorId, profile.id)) return
  throw neutronError(
    'conflict',
    'FlavorServiceProfileBindingExists',
    `Service Profile ${profileId} is already associated with flavor ${flavorId}.`,
  )
}

async function removeFlavor(tx: Ctx, row: FlavorRow): Promise<void> {
  if (await hasRouterOf(tx, row.id))
    throw neutronError(
      'conflict',
      'FlavorInUse',
      `Flavor ${row.id} is used by some service instance.`,
    )
  await deleteFlavor(tx, row.id)
}

async function flavorViews(ctx: Ctx, rows: readonly FlavorRow[]): Promise<readonly View[]> {
  const bindings = await bindingsOf(
    ctx,
    'flavor_id',
    rows.map(({ id }) => id),
  )
  const byFlavor = Map.groupBy(bindings, ({ flavor_id }) => flavor_id)
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    description: row.description,
    service_type: row.service_type,
    enabled: row.enabled === 1,
    service_profiles: (byFlavor.get(row.id) ?? []).map(({ profile_id }) => profile_id),
  }))
}
