import { Type, type Static } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../../kernel/db/db.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { moveResize, recordResize } from '../../os-migrations/store.ts'
import { checkServerQuota } from '../../quotas/check.ts'
import { begin, changeAtOnce, serverFor } from '../act.ts'
import { flavorFor } from '../create-checks.ts'
import { DiskConfig, FlavorRef } from '../create-schema.ts'
import { limitsOfFlavor } from '../limits.ts'
import { flavorColumns } from '../store.ts'
import { serverAction } from '../on-server.ts'

const Resize = Type.Object(
  { flavorRef: FlavorRef, 'OS-DCF:diskConfig': Type.Optional(DiskConfig) },
  { additionalProperties: false },
)

/** Other limits on the running container: nothing stops, nothing moves. As in Nova the user then confirms or goes back. */
export function resizeActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('resize', 'servers:resize'),
      body: Resize,
      status: 202,
      handle: async (ctx, { params, body }) => await resize(ctx, deps, params.id, body),
    }),
    route({
      ...serverAction('confirmResize', 'servers:confirm_resize'),
      body: Type.Unknown(),
      status: 204,
      handle: async (ctx, { params }) => await confirm(ctx, deps, params.id),
    }),
    route({
      ...serverAction('revertResize', 'servers:revert_resize'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => await revert(ctx, deps, params.id),
    }),
  ]
}

async function resize(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  wish: Static<typeof Resize>,
): Promise<void> {
  const live = await serverFor(ctx, deps, id, 'resize')
  const { server } = live
  const flavor = await flavorFor(ctx, wish.flavorRef)
  if (flavor.id === server.flavor.id)
    throw cloudError('badRequest', 'When resizing, instances must change flavor!')
  if (flavor.diskGiB === 0 && server.flavor.diskGiB > 0)
    throw cloudError('badRequest', 'Resize to zero disk flavor is not allowed.')
  const diskConfig = wish['OS-DCF:diskConfig']
  const more = (now: number, then: number): number => Math.max(then - now, 0)
  await inTx(ctx, async (tx) => {
    await checkServerQuota(tx, server.projectId, {
      instances: 0,
      cores: more(server.vcpus, flavor.vcpus),
      ramMiB: more(server.ramMiB, flavor.ramMiB),
    })
    await recordResize(tx, server)
    await begin(tx, deps, live, {
      action: 'resize',
      kind: 'resize',
      change: { limits: limitsOfFlavor(flavor), diskGiB: flavor.diskGiB },
      row: {
        ...flavorColumns(flavor),
        previous_flavor: toJson(server.flavor),
        ...(diskConfig === undefined ? {} : { disk_config: diskConfig }),
      },
    })
  })
}

async function confirm(ctx: Ctx, deps: ComputeDeps, id: string): Promise<void> {
  const { server } = await serverFor(ctx, deps, id, 'confirmResize')
  await inTx(ctx, async (tx) => {
    const row = { state: 'normal', task: null, previous_flavor: null } as const
    await changeAtOnce(tx, server, 'confirmResize', row)
    await moveResize(tx, server.id, 'confirmed')
  })
}

async function revert(ctx: Ctx, deps: ComputeDeps, id: string): Promise<void> {
  const live = await serverFor(ctx, deps, id, 'revertResize')
  const flavor = live.server.previousFlavor
  if (flavor === undefined)
    throw cloudError('conflict', `Instance ${id} has no flavor to go back to.`)
  await inTx(ctx, async (tx) => {
    await begin(tx, deps, live, {
      action: 'revertResize',
      kind: 'revert',
      change: { limits: limitsOfFlavor(flavor), diskGiB: flavor.diskGiB },
      row: { ...flavorColumns(flavor), previous_flavor: null },
    })
    await moveResize(tx, id, 'reverted')
  })
}
