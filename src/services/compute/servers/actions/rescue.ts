import { Type, type Static } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { begin, serverFor } from '../act.ts'
import { Password, Uuid } from '../create-schema.ts'
import { randomPassword } from '../create.ts'
import { serverAction } from '../on-server.ts'

const Rescue = Type.Union([
  Type.Null(),
  Type.Object(
    { adminPass: Type.Optional(Password), rescue_image_ref: Type.Optional(Uuid) },
    { additionalProperties: false },
  ),
])

/**
 * A machine is rescued by starting it from another disk. A container has one file system only, so it is the process that
 * changes: one that waits, on the same files, with the same addresses; and back to its own when it is mended.
 */
export function rescueActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('rescue', 'os-rescue'),
      body: Rescue,
      handle: async (ctx, { params, body }) => await rescue(ctx, deps, params.id, body ?? {}),
    }),
    route({
      ...serverAction('unrescue', 'os-unrescue'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => {
        const live = await serverFor(ctx, deps, params.id, 'unrescue')
        await begin(ctx, deps, live, {
          action: 'unrescue',
          kind: 'unrescue',
          change: { rescue: false, power: 'running' },
        })
      },
    }),
  ]
}

async function rescue(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  wish: Exclude<Static<typeof Rescue>, null>,
): Promise<unknown> {
  const live = await serverFor(ctx, deps, id, 'rescue')
  const { imageId } = live.server
  if (wish.rescue_image_ref !== undefined && wish.rescue_image_ref !== imageId)
    throw cloudError(
      'badRequest',
      `Instance ${id} cannot be rescued: a container has no second disk to start another image from. Leave the image out, and it is started on its own files with a process that waits.`,
    )
  await begin(ctx, deps, live, {
    action: 'rescue',
    kind: 'rescue',
    change: { rescue: true, power: 'running', retry: true },
    row: { state: 'normal' },
  })
  return { adminPass: wish.adminPass ?? randomPassword() }
}
