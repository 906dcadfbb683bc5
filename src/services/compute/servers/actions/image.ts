import { Type } from '../../../../kernel/schema/type.ts'
import { asCloud, type Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../../kernel/db/db.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../../kernel/http/route.ts'
import { nudge } from '../../../../kernel/tasks/store.ts'
import type { ComputeDeps } from '../../deps.ts'
import { IntegerLike, Name, Text, toInteger } from '../../wire/schemas.ts'
import { begin, enterTask, serverFor, type LiveServer } from '../act.ts'
import { checkMetadata } from '../create-checks.ts'
import { Metadata } from '../create-schema.ts'
import { logAction } from '../instance-actions/store.ts'
import type { Server } from '../schema.ts'
import { rotate } from '../snapshots/reconcile.ts'
import { insertSnapshot } from '../snapshots/store.ts'
import { serverAction } from '../on-server.ts'

const strict = { additionalProperties: false } as const
const CreateImage = Type.Object({ name: Name, metadata: Type.Optional(Metadata) }, strict)
const CreateBackup = Type.Object(
  {
    name: Name,
    backup_type: Text(255),
    rotation: IntegerLike(0),
    metadata: Type.Optional(Metadata),
  },
  strict,
)

/** Images of servers: the image is reserved at once, its bytes follow (`snapshots/`). Shelving is one of them. */
export function imageActions(deps: ComputeDeps): readonly Route[] {
  return [...images(deps), ...backups(deps)]
}

function images(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('createImage', 'servers:create_image'),
      body: CreateImage,
      handle: async (ctx, req) => {
        const live = await serverFor(ctx, deps, req.params.id, 'createImage')
        await checkMetadata(ctx, live.server.projectId, req.body.metadata ?? {})
        const imageId = await snapshot(ctx, deps, live, {
          kind: 'snapshot',
          name: req.body.name,
          properties: { image_type: 'snapshot', ...req.body.metadata },
        })
        return imageReply(req, imageId)
      },
    }),
    route({
      ...serverAction('shelve', 'os-shelve:shelve'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => {
        const live = await serverFor(ctx, deps, params.id, 'shelve')
        await snapshot(ctx, deps, live, {
          kind: 'shelve',
          name: `${live.server.name.slice(0, 247)}-shelved`,
          properties: { image_type: 'snapshot' },
        })
      },
    }),
  ]
}

function backups(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('createBackup', 'os-create-backup'),
      body: CreateBackup,
      handle: async (ctx, req) => {
        const { name, metadata, backup_type: backupType } = req.body
        const rotation = toInteger(req.body.rotation, 'rotation', 0)
        const live = await serverFor(ctx, deps, req.params.id, 'createBackup')
        await checkMetadata(ctx, live.server.projectId, metadata ?? {})
        // none is to be kept: there is nothing to write, only to delete
        if (rotation === 0) {
          await rotate(asCloud(ctx), deps, {
            server_id: live.server.id,
            backup_type: backupType,
            rotation,
          })
          return reply(202)
        }
        const properties = { ...metadata, image_type: 'backup', backup_type: backupType }
        return imageReply(
          req,
          await snapshot(ctx, deps, live, {
            kind: 'backup',
            name,
            properties,
            backupType,
            rotation,
          }),
        )
      },
    }),
  ]
}

interface Snapshot {
  readonly kind: 'snapshot' | 'backup' | 'shelve'
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  readonly backupType?: string
  readonly rotation?: number
}

/** Reserves the image, writes the job and the task, all in one transaction. Answers the image's id. */
async function snapshot(
  ctx: Ctx,
  deps: ComputeDeps,
  live: LiveServer,
  what: Snapshot,
): Promise<string> {
  const { server } = live
  const base = await deps.image.findImage(asCloud(ctx), server.imageId)
  return await inTx(ctx, async (tx) => {
    const imageId = await deps.image.reserveImage(tx, {
      projectId: server.projectId,
      name: what.name,
      containerFormat: 'docker',
      diskFormat: 'raw',
      minDiskGiB: server.flavor.diskGiB > 0 ? server.flavor.diskGiB : (base?.minDiskGiB ?? 0),
      minRamMiB: base?.minRamMiB ?? 0,
      properties: { ...base?.properties, ...what.properties, ...originOf(server) },
    })
    const { actionId, generation } = await enter(tx, deps, live, what.kind)
    await insertSnapshot(tx, {
      image_id: imageId,
      server_id: server.id,
      kind: what.kind,
      action_id: actionId,
      generation,
      backup_type: what.backupType ?? null,
      rotation: what.rotation ?? null,
    })
    await nudge(tx, 'compute.snapshot', imageId)
    return imageId
  })
}

/** Where an image came from: Nova's image proxy and its filters read these. */
function originOf(server: Server): Record<string, string> {
  return {
    instance_uuid: server.id,
    user_id: server.userId,
    owner_id: server.projectId,
    base_image_ref: server.imageId,
  }
}

/** Shelving stops the server first; the others leave it as it is. */
async function enter(
  tx: Ctx,
  deps: ComputeDeps,
  live: LiveServer,
  kind: Snapshot['kind'],
): Promise<{ readonly actionId: string; readonly generation: number }> {
  const { server, workload } = live
  if (kind === 'shelve') {
    const { task, actionId } = await begin(tx, deps, live, {
      action: 'shelve',
      kind,
      change: { power: 'stopped' },
    })
    return { actionId, generation: task.generation }
  }
  const task = { kind, generation: workload.generation }
  await enterTask(tx, server, { task: toJson(task) })
  const action = kind === 'snapshot' ? 'createImage' : 'createBackup'
  const actionId = await logAction(tx, {
    serverId: server.id,
    projectId: server.projectId,
    host: server.host,
    action,
    generation: null,
  })
  return { actionId, generation: 0 }
}

/** From 2.45 on the id stands in the body, before in the Location header only. */
function imageReply(req: Req, imageId: string): Reply {
  return atLeast(req.version, '2.45')
    ? reply(202, { image_id: imageId })
    : reply(202, undefined, { Location: `${req.serviceUrl}/images/${imageId}` })
}
