import { Type } from 'typebox'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { getServer, serverFor } from '../act.ts'
import { Password, Uuid } from '../create-schema.ts'
import { serverAction } from '../on-server.ts'

const Rescue = Type.Union([
  Type.Null(),
  Type.Object(
    { adminPass: Type.Optional(Password), rescue_image_ref: Type.Optional(Uuid) },
    { additionalProperties: false },
  ),
])

/** Verbs of virtual machines that mean nothing for a container: each says why it is refused. */
export function refusedActions(deps: ComputeDeps): readonly Route[] {
  return [...guestActions(deps), ...rescueActions(deps), ...oldNetworkActions()]
}

function guestActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('changePassword', 'os-admin-password'),
      body: Type.Object({ adminPass: Password }, { additionalProperties: false }),
      status: 202,
      handle: async (ctx, { params }) => {
        await serverFor(ctx, deps, params.id, 'changePassword')
        throw cloudError(
          'notImplemented',
          'Unable to set password on instance: a container has no agent that could. Log in with a keypair instead.',
        )
      },
    }),
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

function rescueActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('rescue', 'os-rescue'),
      body: Rescue,
      handle: async (ctx, { params }) => {
        await serverFor(ctx, deps, params.id, 'rescue')
        throw cloudError(
          'notImplemented',
          'Rescue is not available: a container has one file system and no second disk to start from. Take an image of it (createImage) and start a server from that.',
        )
      },
    }),
    route({
      ...serverAction('unrescue', 'os-unrescue'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => {
        await serverFor(ctx, deps, params.id, 'unrescue')
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
