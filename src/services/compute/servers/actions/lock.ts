import { Type } from 'typebox'
import { can } from '../../../../kernel/ctx/ctx.ts'
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
  const lock = async (
    ...[ctx, { params, body }]: Parameters<Route['handle']>
  ): Promise<undefined> => {
    const { id } = params as { id: string } // the route's schema says so
    const reason =
      typeof body === 'object' && body !== null && 'locked_reason' in body
        ? String(body.locked_reason)
        : null
    const server = await getServer(ctx, id)
    const lockedBy =
      server.projectId === ctx.who?.projectId && !can(ctx, 'admin') ? 'owner' : 'admin'
    await updateServer(ctx, id, {
      locked: 1,
      locked_by: server.locked && server.lockedBy === 'admin' ? 'admin' : lockedBy,
      locked_reason: reason,
    })
    return undefined
  }
  return [
    route({
      ...serverAction('lock', 'os-lock-server:lock'),
      until: '2.72',
      body: Type.Unknown(),
      status: 202,
      handle: lock,
    }),
    route({
      ...serverAction('lock', 'os-lock-server:lock'),
      since: '2.73',
      body: LockReason,
      status: 202,
      handle: lock,
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
