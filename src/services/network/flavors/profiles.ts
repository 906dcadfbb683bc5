import { randomUUID } from 'node:crypto'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, Flag, given, Text, type View } from '../standard/schema.ts'
import { changeRow } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { bindingsOf, deleteProfile, insertProfile, profileSpec, type ProfileRow } from './store.ts'

/** Ways of carrying out a service. There is one of routers; a profile without a driver leaves the choice to the cloud. */
export const drivers = ['stackyard'] as const

const attributes = {
  description: Type.Optional(Type.Union([Text(1024), Type.Null()])),
  driver: Type.Optional(Text(1024)),
  metainfo: Type.Optional(Text(4096)),
  enabled: Type.Optional(Flag),
}
const NewProfile = Type.Object(
  { ...attributes, project_id: Type.Optional(Text()), tenant_id: Type.Optional(Text()) },
  { additionalProperties: false },
)
const ProfileChange = Type.Object(attributes, { additionalProperties: false })

/** Service profiles: what stands behind flavors. Only admins see them. */
export function profileResource(): Resource {
  return resource<ProfileRow, typeof NewProfile, typeof ProfileChange>({
    singular: 'service_profile',
    plural: 'service_profiles',
    path: 'service_profiles',
    label: 'Service Profile',
    notFound: 'ServiceProfileNotFound',
    spec: profileSpec,
    createBody: NewProfile,
    updateBody: ProfileChange,
    adminWrites: true,
    adminReads: true,
    create: createProfile,
    update: updateProfile,
    remove: removeProfile,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(profileView)),
  })
}

async function createProfile(
  tx: Ctx,
  wish: Static<typeof NewProfile>,
  projectId: string,
): Promise<string> {
  const [driver, metainfo] = [wish.driver ?? '', wish.metainfo ?? '']
  mustSaySomething(driver, metainfo)
  mustExist(driver)
  const id = randomUUID()
  await insertProfile(tx, {
    ...newRow(tx, id, projectId, { description: wish.description ?? '' }),
    driver,
    metainfo,
    enabled: bit(wish.enabled, true),
  })
  return id
}

async function updateProfile(
  tx: Ctx,
  row: ProfileRow,
  wish: Static<typeof ProfileChange>,
): Promise<void> {
  await mustBeUnbound(tx, row)
  mustSaySomething(wish.driver ?? row.driver, wish.metainfo ?? row.metainfo)
  if (wish.driver !== undefined) mustExist(wish.driver)
  await changeRow(tx, profileSpec, row.id, {
    description: given(wish.description, (text) => text ?? ''),
    driver: wish.driver,
    metainfo: wish.metainfo,
    enabled: given(wish.enabled, (on) => bit(on, true)),
  })
}

async function removeProfile(tx: Ctx, row: ProfileRow): Promise<void> {
  await mustBeUnbound(tx, row)
  await deleteProfile(tx, row.id)
}

function mustSaySomething(driver: string, metainfo: string): void {
  if (driver === '' && metainfo === '')
    throw neutronError(
      'badRequest',
      'ServiceProfileEmpty',
      'Service Profile needs either a driver or metainfo.',
    )
}

function mustExist(driver: string): void {
  if (driver === '' || drivers.some((known) => known === driver)) return
  throw neutronError(
    'notFound',
    'ServiceProfileDriverNotFound',
    `Service Profile driver ${driver} could not be found. There is: ${drivers.join(', ')}.`,
  )
}

async function mustBeUnbound(tx: Ctx, row: ProfileRow): Promise<void> {
  if ((await bindingsOf(tx, 'profile_id', [row.id])).length === 0) return
  throw neutronError(
    'conflict',
    'ServiceProfileInUse',
    `Service Profile ${row.id} is used by some service instance.`,
  )
}

const profileView = (row: ProfileRow): View => ({
  id: row.id,
  description: row.description,
  driver: row.driver,
  metainfo: row.metainfo,
  enabled: row.enabled === 1,
})
