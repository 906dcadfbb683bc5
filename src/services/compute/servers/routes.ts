import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { ComputeDeps } from '../deps.ts'
import { groupsOfServers } from '../server-groups/store.ts'
import { Name } from '../wire/schemas.ts'
import { getServer } from './act.ts'
import { mustAllow } from './can.ts'
import { canonicalIp } from './canonical-ip.ts'
import {
  CREATE_VERSIONS,
  createSchema,
  Description,
  DiskConfig,
  hostnameSchema,
  Ip,
} from './create-schema.ts'
import { createServers } from './create.ts'
import { logAction } from './instance-actions/store.ts'
import { onePartsOf } from './parts.ts'
import type { Server } from './schema.ts'
import { statusOf } from './status.ts'
import { updateServer } from './store.ts'
import { spans } from './version-spans.ts'
import { viewer, type ViewKind } from './view.ts'
import { onServer } from './on-server.ts'

/** Servers themselves: create, show, update, delete. */
export function serverRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    ...spans(CREATE_VERSIONS).map((span) =>
      route({
        method: 'POST',
        path: '/v2.1/servers',
        ...span,
        policy: 'os_compute_api:servers:create',
        body: createSchema(span.since),
        summary: 'Create a server',
        handle: async (ctx, req) => await createServers(ctx, deps, req),
      }),
    ),
    route({
      ...onServer('GET', '', 'servers:show', 'Show a server'),
      handle: async (ctx, req) => ({
        server: await viewOf(ctx, deps, req, await getServer(ctx, req.params.id), 'show'),
      }),
    }),
    ...spans(['2.1', '2.19', '2.90', '2.94']).map((span) =>
      route({
        ...onServer('PUT', '', 'servers:update', 'Update a server'),
        ...span,
        body: updateSchema(span.since),
        handle: async (ctx, req) => {
          const server = await getServer(ctx, req.params.id)
          await updateServer(ctx, server.id, changesOf(req.body.server))
          return { server: await viewOf(ctx, deps, req, await getServer(ctx, server.id), 'update') }
        },
      }),
    ),
    route({
      ...onServer('DELETE', '', 'servers:delete', 'Delete a server'),
      handle: async (ctx, { params }) => await deleteServer(ctx, deps, params.id),
    }),
  ]
}

/** One server in the shape that this request's version has. */
export async function viewOf(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
  server: Server,
  kind: ViewKind,
): Promise<Record<string, unknown>> {
  const parts = await onePartsOf(ctx, deps, server, req.version)
  const group = atLeast(req.version, '2.71')
    ? (await groupsOfServers(ctx, [server.id])).get(server.id)
    : undefined
  return viewer(ctx, req)(parts, kind, group === undefined ? [] : [group])
}

/** Marks it and lets the workload be taken apart; works in every state. Repeating it is success until it is gone. */
export async function deleteServer(ctx: Ctx, deps: ComputeDeps, id: string): Promise<void> {
  await inTx(ctx, async (tx) => {
    const server = await getServer(tx, id)
    if (server.task?.kind === 'delete') return
    mustAllow(tx, server, statusOf(server, undefined), 'delete')
    // whatever was under way ends with it
    await updateServer(tx, id, { task: toJson({ kind: 'delete', generation: 0 }) })
    await logAction(tx, {
      serverId: id,
      projectId: server.projectId,
      host: server.host,
      action: 'delete',
      generation: null,
    })
    await deps.workload.remove(tx, id)
    await nudge(tx, 'compute.server', id)
  })
}

interface UpdateWish {
  readonly name?: string
  readonly accessIPv4?: string | null
  readonly accessIPv6?: string | null
  readonly 'OS-DCF:diskConfig'?: string
  readonly description?: string | null
  readonly hostname?: string
}

function updateSchema(version: string) {
  const opt = Type.Optional
  const address = Type.Union([Ip, Type.Literal(''), Type.Null()])
  return Type.Unsafe<{ readonly server: UpdateWish }>(
    Type.Object(
      {
        server: Type.Object(
          {
            name: opt(Name),
            accessIPv4: opt(address),
            accessIPv6: opt(address),
            'OS-DCF:diskConfig': opt(DiskConfig),
            ...(atLeast(version, '2.19') ? { description: opt(Description) } : {}),
            ...(atLeast(version, '2.90') ? { hostname: opt(hostnameSchema(version)) } : {}),
          },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
  )
}

function changesOf(wish: UpdateWish): Parameters<typeof updateServer>[2] {
  for (const [key, version] of [
    ['accessIPv4', 4],
    ['accessIPv6', 6],
  ] as const) {
    const address = wish[key]
    if (
      typeof address === 'string' &&
      address !== '' &&
      address.includes(':') !== (version === 6)
    ) {
      throw cloudError(
        'badRequest',
        `Invalid input for field/attribute ${key}: ${address} is no IPv${version} address.`,
      )
    }
  }
  return {
    ...(wish.name === undefined ? {} : { name: wish.name }),
    ...(wish.accessIPv4 === undefined ? {} : { access_ipv4: wish.accessIPv4 ?? '' }),
    ...(wish.accessIPv6 === undefined ? {} : { access_ipv6: canonicalIp(wish.accessIPv6 ?? '') }),
    ...(wish['OS-DCF:diskConfig'] === undefined ? {} : { disk_config: wish['OS-DCF:diskConfig'] }),
    ...(wish.description === undefined ? {} : { description: wish.description }),
    // seen by the guest through the metadata service; a container's own host name is fixed when it is made
    ...(wish.hostname === undefined ? {} : { hostname: wish.hostname }),
  }
}
