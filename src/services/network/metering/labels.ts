import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, creation, Flag } from '../standard/schema.ts'
import { deleteLabel, insertLabel, labelSpec, routersOfLabel, type LabelRow } from './store.ts'

const NewLabel = creation({ shared: Type.Optional(Flag) })
const NoChange = Type.Object({}, { additionalProperties: false })

/** Labels: what is counted together. Only admins have to do with them. */
export function labelResource(): Resource {
  return resource<LabelRow, typeof NewLabel, typeof NoChange>({
    singular: 'metering_label',
    plural: 'metering_labels',
    path: 'metering/metering-labels',
    label: 'Metering label',
    notFound: 'MeteringLabelNotFound',
    spec: labelSpec,
    createBody: NewLabel,
    adminWrites: true,
    adminReads: true,
    create: createLabel,
    remove: removeLabel,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(labelView)),
  })
}

/** Without rules it counts nothing, so that no router has to hear of it yet. */
async function createLabel(
  tx: Ctx,
  wish: Static<typeof NewLabel>,
  projectId: string,
): Promise<string> {
  return await insertLabel(tx, wish, projectId, bit(wish.shared, false))
}

async function removeLabel(tx: Ctx, row: LabelRow): Promise<void> {
  await deleteLabel(tx, row.id)
  await recount(tx, row)
}

/** The routers on which the label counts look at its rules again. */
export async function recount(
  tx: Ctx,
  label: Pick<LabelRow, 'project_id' | 'shared'>,
): Promise<void> {
  for (const router of await routersOfLabel(tx, label)) await nudge(tx, kinds.router, router)
}

const labelView = (row: LabelRow): Readonly<Record<string, unknown>> => ({
  id: row.id,
  name: row.name,
  description: row.description,
  project_id: row.project_id,
  tenant_id: row.project_id,
  shared: row.shared === 1,
})
