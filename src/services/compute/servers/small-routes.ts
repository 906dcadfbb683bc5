import { Type } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { BooleanLike } from '../wire/schemas.ts'
import { getServer } from './act.ts'
import { Tag, Uuid } from './create-schema.ts'
import { updateServer } from './store.ts'
import { spans } from './version-spans.ts'
import { onServer } from './on-server.ts'

const AttachmentId = Type.Object({ id: Type.String(), volume: Type.String() })
const MigrationId = Type.Object({ id: Type.String(), migration: Type.String() })

/** What is always empty, or refused, for servers here: volumes and migrations; and the password that a guest may have posted. */
export function smallRoutes(): readonly Route[] {
  return [...passwordRoutes(), ...volumeRoutes(), ...migrationRoutes()]
}

function passwordRoutes(): readonly Route[] {
  return [
    route({
      ...onServer(
        'GET',
        '/os-server-password',
        'os-server-password:show',
        'Show the encrypted password',
      ),
      handle: async (ctx, { params }) => ({
        password: (await getServer(ctx, params.id)).password ?? '',
      }),
    }),
    route({
      ...onServer(
        'DELETE',
        '/os-server-password',
        'os-server-password:clear',
        'Clear the encrypted password',
      ),
      status: 204,
      handle: async (ctx, { params }) =>
        await updateServer(ctx, (await getServer(ctx, params.id)).id, { password: null }),
    }),
  ]
}

function volumeRoutes(): readonly Route[] {
  return [...shownVolumes(), ...changedVolumes()]
}

const noVolume = (server: string, volume: string): Error =>
  cloudError('notFound', `Instance ${server} is not attached to volume ${volume.slice(0, 100)}.`)

function shownVolumes(): readonly Route[] {
  return [
    route({
      ...onServer(
        'GET',
        '/os-volume_attachments',
        'os-volumes-attachments:index',
        'List volume attachments',
      ),
      handle: async (ctx, { params }) => {
        await getServer(ctx, params.id)
        return { volumeAttachments: [] }
      },
    }),
    route({
      ...onServer(
        'GET',
        '/os-volume_attachments/:volume',
        'os-volumes-attachments:show',
        'Show a volume attachment',
      ),
      params: AttachmentId,
      handle: async (ctx, { params }) => {
        throw noVolume((await getServer(ctx, params.id)).id, params.volume)
      },
    }),
  ]
}

function attachVolume(): readonly Route[] {
  return spans(['2.1', '2.49', '2.79']).map((span) =>
    route({
      ...onServer(
        'POST',
        '/os-volume_attachments',
        'os-volumes-attachments:create',
        'Attach a volume',
      ),
      ...span,
      body: attachSchema(span.since),
      handle: async (ctx, { params, body }) => {
        await getServer(ctx, params.id)
        throw cloudError(
          'badRequest',
          `Volume ${body.volumeAttachment.volumeId} cannot be attached: this cloud has no block storage for servers.`,
        )
      },
    }),
  )
}

function changedVolumes(): readonly Route[] {
  return [
    ...attachVolume(),
    route({
      ...onServer(
        'PUT',
        '/os-volume_attachments/:volume',
        'os-volumes-attachments:update',
        'Update a volume attachment',
      ),
      params: AttachmentId,
      body: Type.Object({ volumeAttachment: Type.Object({ volumeId: Uuid }) }),
      handle: async (ctx, { params }) => {
        throw noVolume((await getServer(ctx, params.id)).id, params.volume)
      },
    }),
    route({
      ...onServer(
        'DELETE',
        '/os-volume_attachments/:volume',
        'os-volumes-attachments:delete',
        'Detach a volume',
      ),
      params: AttachmentId,
      status: 202,
      handle: async (ctx, { params }) => {
        throw noVolume((await getServer(ctx, params.id)).id, params.volume)
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
  return [...shownMigrations(), ...changedMigrations()]
}

const noMigration = (server: string, migration: string): Error =>
  cloudError(
    'notFound',
    `Migration ${migration.slice(0, 100)} for server ${server} could not be found: nothing migrates on one host.`,
  )

function shownMigrations(): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/migrations', 'servers:migrations:index', 'List migrations of a server'),
      since: '2.23',
      handle: async (ctx, { params }) => {
        await getServer(ctx, params.id)
        return { migrations: [] }
      },
    }),
    route({
      ...onServer('GET', '/migrations/:migration', 'servers:migrations:show', 'Show a migration'),
      params: MigrationId,
      since: '2.23',
      handle: async (ctx, { params }) => {
        throw noMigration((await getServer(ctx, params.id)).id, params.migration)
      },
    }),
  ]
}

function changedMigrations(): readonly Route[] {
  return [
    route({
      ...onServer(
        'DELETE',
        '/migrations/:migration',
        'servers:migrations:delete',
        'Abort a migration',
      ),
      params: MigrationId,
      since: '2.24',
      status: 202,
      handle: async (ctx, { params }) => {
        throw noMigration((await getServer(ctx, params.id)).id, params.migration)
      },
    }),
    route({
      ...onServer(
        'POST',
        '/migrations/:migration/action',
        'servers:migrations:force_complete',
        'Force a migration to complete',
      ),
      params: MigrationId,
      action: 'force_complete',
      since: '2.22',
      body: Type.Null(),
      status: 202,
      handle: async (ctx, { params }) => {
        throw noMigration((await getServer(ctx, params.id)).id, params.migration)
      },
    }),
  ]
}
