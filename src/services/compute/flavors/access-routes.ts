import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { TenantAccess } from './schema.ts'
import { addAccess, getFlavor, listAccess, removeAccess } from './store.ts'

/** Who may use a private flavor. */
export function accessRoutes(deps: ComputeDeps): readonly Route[] {
  const action = { method: 'POST', path: '/v2.1/flavors/:id/action', body: TenantAccess } as const
  return [
    route({
      method: 'GET',
      path: '/v2.1/flavors/:id/os-flavor-access',
      policy: 'os_compute_api:os-flavor-access',
      summary: 'List the projects that may use a private flavor',
      handle: async (ctx, req) => {
        const flavor = await getFlavor(ctx, idOf(req))
        if (flavor.isPublic)
          throw cloudError('notFound', 'Access list not available for public flavors.')
        return await accessView(ctx, flavor.id)
      },
    }),
    route({
      ...action,
      action: 'addTenantAccess',
      policy: 'os_compute_api:os-flavor-access:add_tenant_access',
      summary: 'Let a project use a private flavor',
      handle: async (ctx, req) => await add(ctx, deps, req, req.body.tenant),
    }),
    route({
      ...action,
      action: 'removeTenantAccess',
      policy: 'os_compute_api:os-flavor-access:remove_tenant_access',
      summary: 'Stop a project from using a private flavor',
      handle: async (ctx, req) => await remove(ctx, deps, req, req.body.tenant),
    }),
  ]
}

const idOf = (req: Req): string => (req.params as { id: string }).id // the path of each of these routes has :id

async function add(ctx: Ctx, deps: ComputeDeps, req: Req, projectId: string): Promise<unknown> {
  await mustBeProject(ctx, deps, projectId)
  const flavor = await getFlavor(ctx, idOf(req))
  if (flavor.isPublic && atLeast(req.version, '2.7'))
    throw cloudError('conflict', 'Can not add access to a public flavor.')
  if (!(await addAccess(ctx, flavor.id, projectId))) {
    throw cloudError(
      'conflict',
      `Flavor access already exists for flavor ${flavor.id} and project ${projectId} combination.`,
    )
  }
  return await accessView(ctx, flavor.id)
}

async function remove(ctx: Ctx, deps: ComputeDeps, req: Req, projectId: string): Promise<unknown> {
  await mustBeProject(ctx, deps, projectId)
  const flavor = await getFlavor(ctx, idOf(req))
  if (!(await removeAccess(ctx, flavor.id, projectId))) {
    throw cloudError(
      'notFound',
      `Flavor access not found for ${flavor.id} / ${projectId} combination.`,
    )
  }
  return await accessView(ctx, flavor.id)
}

async function mustBeProject(ctx: Ctx, deps: ComputeDeps, projectId: string): Promise<void> {
  if ((await deps.identity.findProject(ctx, projectId)) === undefined) {
    throw cloudError('badRequest', `Project ID ${projectId} is not a valid project.`)
  }
}

async function accessView(ctx: Ctx, flavorId: string): Promise<unknown> {
  return {
    flavor_access: (await listAccess(ctx, flavorId)).map((projectId) => ({
      flavor_id: flavorId,
      tenant_id: projectId,
    })),
  }
}
