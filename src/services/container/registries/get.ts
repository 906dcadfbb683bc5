import { can, projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { findRegistries, type RegistryRow } from './store.ts'

/** By id or name, of the project's own (any, for an administrator): 404 when there is none, 409 when several have the name. */
export async function getRegistry(ctx: Ctx, ident: string): Promise<RegistryRow> {
  const own = await findRegistries(ctx, ident, { projectId: projectOf(ctx) })
  const found = own.length > 0 || !can(ctx, 'admin') ? own : await findRegistries(ctx, ident, 'all')
  const [only, ...others] = found
  if (only === undefined)
    throw cloudError('notFound', `Registry ${ident.slice(0, 255)} could not be found.`, {
      code: 'registry-not-found',
    })
  if (others.length > 0)
    throw cloudError('conflict', `Several registries are named ${ident}: use the uuid of one.`)
  return only
}
