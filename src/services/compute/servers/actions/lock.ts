import { Type } from '../../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import { Text } from '../../wire/schemas.ts'
import { getServer } from '../act.ts'
import { updateServer } from '../store.ts'
import { serverAction } from '../on-server.ts'

const LockReason = Type.Union([
  Type.Null(),
  Type.Object({ locked_reason: Type.Optional(Text(255)) }, { additionalProperties: false }),
])

/** A lock keeps everybody but administrators from changing the server; what an administrator locked, only he unlocks. */
export function lockActions(): readonly Route[] {
  return [
    route({
      ...serverAction('lock', 'os-lock-server:lock'),
      until: '2.72',
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => await lock(ctx, params.id, null),
    }),
    route({
      ...serverAction('lock', 'os-lock-server:lock'),
      since: '2.73',
      body: LockReason,
      status: 202,
      handle: async (ctx, { params, body }) =>
        await lock(ctx, params.id, body?.locked_reason ?? null),
    }),
    route({
      ...serverAction('unlock', 'os-lock-server:unlock'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => {
        const server = await getServer(ctx, params.id)
        if (
          server.lockedBy === 'admin' &&
          !can(ctx, 'os_compute_api:os-lock-server:unlock:unlock_override')
        ) {
          throw cloudError(
            'forbidden',
            "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.",
          )
        }
        await updateServer(ctx, server.id, { locked: 0, locked_by: null, locked_reason: null })
      },
    }),
  ]
}

async function lock(ctx: Ctx, id: string, reason: string | null): Promise<void> {
  const server = await getServer(ctx, id)
  const asOwner = server.projectId === ctx.who?.projectId && !can(ctx, 'admin')
  const keepsAdmins = server.locked && server.lockedBy === 'admin'
  await updateServer(ctx, id, {
    locked: 1,
    locked_by: asOwner && !keepsAdmins ? 'owner' : 'admin',
    locked_reason: reason,
  })
}
