import { Type } from 'typebox'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { BooleanLike } from '../wire/schemas.ts'
import { getServer } from './act.ts'
import { Tag, Uuid } from './create-schema.ts'
import { updateServer } from './store.ts'
import { spans } from './version-spans.ts'

const ServerId = Type.Object({ id: Type.String() })
const AttachmentId = Type.Object({ id: Type.String(), volume: Type.String() })
const MigrationId = Type.Object({ id: Type.String(), migration: Type.String() })

/** What is always empty, or refused, for servers here: volumes and migrations; and the password that a guest may have posted. */
export function smallRoutes(): readonly Route[] {
  return [...passwordRoutes(), ...volumeRoutes(), ...migrationRoutes()]
}

function passwordRoutes(): readonly Route[] {
  const path = '/v2.1/servers/:id/os-server-password'
  return [
    route({
      method: 'GET',
      path,
      policy: 'os_compute_api:os-server-password:show',
      params: ServerId,
      summary: 'Show the encrypted password',
      handle: async (ctx, { params }) => ({
        password: (await getServer(ctx, params.id)).password ?? '',
      }),
    }),
    route({
      method: 'DELETE',
      path,
      policy: 'os_compute_api:os-server-password:clear',
      params: ServerId,
      status: 204,
      summary: 'Clear the encrypted password',
      handle: async (ctx, { params }) =>
        await updateServer(ctx, (await getServer(ctx, params.id)).id, { password: null }),
    }),
  ]
}

function volumeRoutes(): readonly Route[] {
  const path = '/v2.1/servers/:id/os-volume_attachments'
  const none = (server: string, volume: string): Error =>
    cloudError('notFound', `Instance ${server} is not attached to volume ${volume.slice(0, 100)}.`)
  return [
    route({
      method: 'GET',
      path,
      policy: 'os_compute_api:os-volumes-attachments:index',
      params: ServerId,
      summary: 'List volume attachments',
      handle: async (ctx, { params }) => {
        await getServer(ctx, params.id)
        return { volumeAttachments: [] }
      },
    }),
    ...spans(['2.1', '2.49', '2.79']).map((span) =>
      route({
        method: 'POST',
        path,
        ...span,
        policy: 'os_compute_api:os-volumes-attachments:create',
        params: ServerId,
        body: attachSchema(span.since),
        summary: 'Attach a volume',
        handle: async (ctx, { params, body }) => {
          await getServer(ctx, params.id)
          throw cloudError(
            'badRequest',
            `Volume ${body.volumeAttachment.volumeId} cannot be attached: this cloud has no block storage for servers.`,
          )
        },
      }),
    ),
    route({
      method: 'GET',
      path: `${path}/:volume`,
      policy: 'os_compute_api:os-volumes-attachments:show',
      params: AttachmentId,
      summary: 'Show a volume attachment',
      handle: async (ctx, { params }) => {
        throw none((await getServer(ctx, params.id)).id, params.volume)
      },
    }),
    route({
      method: 'PUT',
      path: `${path}/:volume`,
      policy: 'os_compute_api:os-volumes-attachments:update',
      params: AttachmentId,
      body: Type.Object({ volumeAttachment: Type.Object({ volumeId: Uuid }) }),
      summary: 'Update a volume attachment',
      handle: async (ctx, { params }) => {
        throw none((await getServer(ctx, params.id)).id, params.volume)
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/:volume`,
      policy: 'os_compute_api:os-volumes-attachments:delete',
      params: AttachmentId,
      status: 202,
      summary: 'Detach a volume',
      handle: async (ctx, { params }) => {
        throw none((await getServer(ctx, params.id)).id, params.volume)
      },
    }),
  ]
}

function attachSchema(version: string) {
  const opt = Type.Optional
  return Type.Object(
    {
      volumeAttachment: Type.Object(
        {
          volumeId: Uuid,
          device: opt(
            Type.Union([
              Type.String({
                pattern: '(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$',
                maxLength: 255,
              }),
              Type.Null(),
            ]),
          ),
          ...(atLeast(version, '2.49') ? { tag: opt(Tag) } : {}),
          ...(atLeast(version, '2.79') ? { delete_on_termination: opt(BooleanLike) } : {}),
        },
        { additionalProperties: false },
      ),
    },
    { additionalProperties: false },
  )
}

function migrationRoutes(): readonly Route[] {
  const path = '/v2.1/servers/:id/migrations'
  const none = (server: string, migration: string): Error =>
    cloudError(
      'notFound',
      `Migration ${migration.slice(0, 100)} for server ${server} could not be found: nothing migrates on one host.`,
    )
  return [
    route({
      method: 'GET',
      path,
      since: '2.23',
      policy: 'os_compute_api:servers:migrations:index',
      params: ServerId,
      summary: 'List migrations of a server',
      handle: async (ctx, { params }) => {
        await getServer(ctx, params.id)
        return { migrations: [] }
      },
    }),
    route({
      method: 'GET',
      path: `${path}/:migration`,
      since: '2.23',
      policy: 'os_compute_api:servers:migrations:show',
      params: MigrationId,
      summary: 'Show a migration',
      handle: async (ctx, { params }) => {
        throw none((await getServer(ctx, params.id)).id, params.migration)
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/:migration`,
      since: '2.24',
      policy: 'os_compute_api:servers:migrations:delete',
      params: MigrationId,
      status: 202,
      summary: 'Abort a migration',
      handle: async (ctx, { params }) => {
        throw none((await getServer(ctx, params.id)).id, params.migration)
      },
    }),
    route({
      method: 'POST',
      path: `${path}/:migration/action`,
      action: 'force_complete',
      since: '2.22',
      policy: 'os_compute_api:servers:migrations:force_complete',
      params: MigrationId,
      body: Type.Null(),
      status: 202,
      summary: 'Force a migration to complete',
      handle: async (ctx, { params }) => {
        throw none((await getServer(ctx, params.id)).id, params.migration)
      },
    }),
  ]
}
