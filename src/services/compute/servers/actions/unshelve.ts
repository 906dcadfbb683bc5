import { Type } from '../../../../kernel/schema/type.ts'
import { must } from '../../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { Text } from '../../wire/schemas.ts'
import { begin, serverFor } from '../act.ts'
import { zoneFor } from '../zones.ts'
import { spans } from '../version-spans.ts'
import { serverAction } from '../on-server.ts'

interface UnshelveWish {
  readonly availability_zone?: string | null
  readonly host?: string
}

function unshelveSchema(version: string) {
  const opt = Type.Optional
  const wish = Type.Object(
    {
      ...(atLeast(version, '2.77')
        ? {
            availability_zone: atLeast(version, '2.91')
              ? opt(Type.Union([Text(255), Type.Null()]))
              : Text(255),
          }
        : {}),
      ...(atLeast(version, '2.91') ? { host: opt(Text(255)) } : {}),
    },
    { additionalProperties: false },
  )
  return Type.Unsafe<UnshelveWish | null>(
    atLeast(version, '2.77') ? Type.Union([Type.Null(), wish]) : Type.Unknown(),
  )
}

/** Back from the shelf. The container was kept, stopped: it is started again where it stands, and the shelf's image goes. */
export function unshelveActions(deps: ComputeDeps): readonly Route[] {
  return [
    ...spans(['2.1', '2.77', '2.91']).map((span) =>
      route({
        ...serverAction('unshelve', 'os-shelve:unshelve'),
        ...span,
        body: unshelveSchema(span.since),
        status: 202,
        handle: async (ctx, { params, body, version }) => {
          const live = await serverFor(ctx, deps, params.id, 'unshelve')
          const wish: UnshelveWish = atLeast(version, '2.77') ? (body ?? {}) : {}
          if (wish.host !== undefined) must(ctx, 'os_compute_api:os-shelve:unshelve_to_host')
          if (wish.host !== undefined && wish.host !== deps.hostName)
            throw cloudError('badRequest', `Compute host ${wish.host} could not be found.`)
          const zone = await zoneFor(ctx, deps, wish.availability_zone ?? undefined)
          await begin(ctx, deps, live, {
            action: 'unshelve',
            kind: 'unshelve',
            change: { power: 'running' },
            row: wish.availability_zone === undefined ? {} : { zone },
          })
        },
      }),
    ),
    route({
      ...serverAction('shelveOffload', 'os-shelve:shelve_offload'),
      body: Type.Unknown(),
      status: 202,
      // a shelved server is offloaded at once, so this never finds one to offload: 404 or 409
      handle: async (ctx, { params }) => {
        await serverFor(ctx, deps, params.id, 'shelveOffload')
      },
    }),
  ]
}
