import { Type } from '../../../../kernel/schema/type.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { getServer, serverFor } from '../act.ts'
import { serverAction } from '../on-server.ts'

/** Verbs of virtual machines that mean nothing for a container: each says why it is refused. */
export function refusedActions(deps: ComputeDeps): readonly Route[] {
  return [...guestActions(deps), ...oldNetworkActions()]
}

function guestActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('trigger_crash_dump', 'servers:trigger_crash_dump'),
      since: '2.17',
      body: Type.Null(),
      status: 202,
      handle: async (ctx, { params }) => {
        await serverFor(ctx, deps, params.id, 'trigger_crash_dump')
        throw cloudError(
          'badRequest',
          'Triggering a crash dump is not supported: a container has no kernel of its own.',
        )
      },
    }),
  ]
}

function oldNetworkActions(): readonly Route[] {
  return [
    route({
      ...serverAction('injectNetworkInfo', 'os-admin-actions:inject_network_info'),
      body: Type.Unknown(),
      status: 202,
      // the network is in force before the process starts: there is nothing to inject
      handle: async (ctx, { params }) => void (await getServer(ctx, params.id)),
    }),
    route({
      ...serverAction('resetNetwork', 'os-admin-actions:reset_network'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => {
        await getServer(ctx, params.id)
        throw cloudError('gone', 'resetNetwork was for the XenAPI driver, which is no more.')
      },
    }),
  ]
}
