import type { Updateable } from 'kysely'
import { Type, type TSchema } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { toJson } from '../../../../kernel/db/db.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../../kernel/http/route.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import type { ComputeDeps } from '../../deps.ts'
import { Name } from '../../wire/schemas.ts'
import { begin, getServer, serverFor } from '../act.ts'
import { canonicalIp } from '../canonical-ip.ts'
import { checkMetadata, filesFor, imageFor, keypairFor } from '../create-checks.ts'
import {
  Base64,
  Description,
  DiskConfig,
  Files,
  hostnameSchema,
  Metadata,
  Password,
  TrustedCerts,
  Uuid,
  Word,
  type AskedFile,
} from '../create-schema.ts'
import { randomPassword } from '../create.ts'
import { processOf } from '../guest-process.ts'
import { guestOf } from '../guest-of.ts'
import { inOrder } from '../parts.ts'
import type { Server, ServerTable } from '../schema.ts'
import { viewOf } from '../routes.ts'
import { spans } from '../version-spans.ts'
import { serverAction } from '../on-server.ts'

interface RebuildWish {
  readonly imageRef: string
  readonly name?: string
  readonly adminPass?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly 'OS-DCF:diskConfig'?: string
  readonly accessIPv4?: string
  readonly accessIPv6?: string
  readonly personality?: readonly AskedFile[]
  readonly description?: string | null
  readonly key_name?: string | null
  readonly user_data?: string | null
  readonly trusted_image_certificates?: readonly string[] | null
  readonly hostname?: string
}

function rebuildSchema(version: string) {
  const since = (from: string): boolean => atLeast(version, from)
  const opt = Type.Optional
  const orNull = <S extends TSchema>(schema: S) => opt(Type.Union([schema, Type.Null()]))
  return Type.Unsafe<RebuildWish>(
    Type.Object(
      {
        imageRef: Uuid,
        name: opt(Name),
        adminPass: opt(Password),
        metadata: opt(Metadata),
        'OS-DCF:diskConfig': opt(DiskConfig),
        accessIPv4: opt(Type.String({ format: 'ipv4' })),
        accessIPv6: opt(Type.String({ format: 'ipv6' })),
        preserve_ephemeral: opt(Type.Boolean()),
        ...(since('2.19') ? { description: opt(Description) } : {}),
        ...(since('2.54') ? { key_name: orNull(Word) } : {}),
        ...(since('2.57') ? { user_data: orNull(Base64) } : { personality: opt(Files) }),
        ...(since('2.63') ? { trusted_image_certificates: opt(TrustedCerts) } : {}),
        ...(since('2.90') ? { hostname: opt(hostnameSchema(version)) } : {}),
      },
      { additionalProperties: false },
    ),
  )
}

/** The container anew from an image: same id, addresses and flavor; what was in its file system is lost. */
export function rebuildActions(deps: ComputeDeps): readonly Route[] {
  return spans(['2.1', '2.19', '2.54', '2.57', '2.63', '2.90', '2.94']).map((span) =>
    route({
      ...serverAction('rebuild', 'servers:rebuild'),
      ...span,
      body: rebuildSchema(span.since),
      handle: async (ctx, req) => await rebuild(ctx, deps, req, req.params.id),
    }),
  )
}

async function rebuild(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req<unknown, unknown, RebuildWish>,
  id: string,
): Promise<Reply> {
  const wish = req.body
  const live = await serverFor(ctx, deps, id, 'rebuild')
  const { server, workload } = live
  const image = await imageFor(ctx, deps, wish.imageRef, server.flavor)
  if (wish.metadata !== undefined) await checkMetadata(ctx, server.projectId, wish.metadata)
  const changed = await changedServer(ctx, server, wish)
  const ports = inOrder(await deps.network.portsOf(ctx, [id]), workload)
  const guest = { ...(await guestOf(ctx, deps, changed)), imageId: image.id }
  const files = await filesFor(ctx, server.projectId, wish.personality)
  await begin(ctx, deps, live, {
    action: 'rebuild',
    kind: 'rebuild',
    change: {
      name: changed.name,
      rebuildWith: { imageId: image.id, key: image.key },
      process: processOf(guest, image, ports, files),
      retry: true,
      // a stopped server stays stopped; one in ERROR is to run
      power: live.status.vmState === 'stopped' ? 'stopped' : 'running',
    },
    row: columnsOf({ ...changed, imageId: image.id }, wish),
  })
  const view = await viewOf(ctx, deps, req, await getServer(ctx, id), 'rebuild')
  return reply(
    202,
    { server: { ...view, adminPass: wish.adminPass ?? randomPassword() } },
    { Location: `${req.serviceUrl}/v2.1/servers/${id}` },
  )
}

/** The server with what the rebuild changes; `null` takes a value away. */
async function changedServer(ctx: Ctx, server: Server, wish: RebuildWish): Promise<Server> {
  const key =
    wish.key_name === undefined
      ? { keyName: server.keyName, publicKey: server.publicKey }
      : await keypairFor(ctx, wish.key_name)
  return {
    ...server,
    ...key,
    name: wish.name ?? server.name,
    metadata: wish.metadata ?? server.metadata,
    description: wish.description === undefined ? server.description : wish.description,
    userData: wish.user_data === undefined ? server.userData : wish.user_data,
    hostname: wish.hostname ?? server.hostname,
    trustedCerts:
      wish.trusted_image_certificates === undefined
        ? server.trustedCerts
        : wish.trusted_image_certificates,
  }
}

function columnsOf(server: Server, wish: RebuildWish): Updateable<ServerTable> {
  return {
    image_id: server.imageId,
    name: server.name,
    metadata: toJson(server.metadata),
    disk_config: wish['OS-DCF:diskConfig'] ?? server.diskConfig,
    access_ipv4: wish.accessIPv4 ?? server.accessIpv4,
    access_ipv6: canonicalIp(wish.accessIPv6 ?? server.accessIpv6),
    description: server.description,
    key_name: server.keyName,
    public_key: server.publicKey,
    user_data: server.userData,
    hostname: server.hostname,
    trusted_certs: server.trustedCerts === null ? null : toJson(server.trustedCerts),
  }
}
