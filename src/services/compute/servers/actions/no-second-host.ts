import { Type } from '../../../../kernel/schema/type.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { BooleanLike, Text } from '../../wire/schemas.ts'
import { serverFor } from '../act.ts'
import { Password } from '../create-schema.ts'
import { spans } from '../version-spans.ts'
import { serverAction } from '../on-server.ts'

const strict = { additionalProperties: false } as const
const Host = Type.Union([Text(255), Type.Null()])
const opt = Type.Optional

/** Verbs that move a server. Everything about the request is checked; then there is no second host to go to. */
export function moveActions(deps: ComputeDeps): readonly Route[] {
  return [...migrations(deps), ...evacuations(deps)]
}

function migrations(deps: ComputeDeps): readonly Route[] {
  return [
    ...spans(['2.1', '2.56']).map((span) =>
      route({
        ...serverAction('migrate', 'os-migrate-server:migrate'),
        ...span,
        status: 202,
        body:
          span.since === '2.1'
            ? Type.Unknown()
            : Type.Union([Type.Null(), Type.Object({ host: opt(Host) }, strict)]),
        handle: async (ctx, { params }) => {
          await serverFor(ctx, deps, params.id, 'migrate')
          throw noHost(deps)
        },
      }),
    ),
    ...spans(['2.1', '2.25', '2.30', '2.68']).map((span) =>
      route({
        ...serverAction('os-migrateLive', 'os-migrate-server:migrate_live'),
        ...span,
        body: liveSchema(span.since),
        status: 202,
        handle: async (ctx, { params }) => {
          await serverFor(ctx, deps, params.id, 'os-migrateLive')
          throw noHost(deps)
        },
      }),
    ),
  ]
}

function evacuations(deps: ComputeDeps): readonly Route[] {
  return spans(['2.1', '2.14', '2.29', '2.68']).map((span) =>
    route({
      ...serverAction('evacuate', 'os-evacuate'),
      ...span,
      body: evacuateSchema(span.since),
      handle: async (ctx, { params }) => {
        await serverFor(ctx, deps, params.id, 'evacuate')
        throw cloudError(
          'badRequest',
          `Compute service of ${deps.hostName} is still in use: a server is evacuated from a host that is down.`,
        )
      },
    }),
  )
}

const noHost = (deps: ComputeDeps): Error =>
  cloudError(
    'badRequest',
    `No valid host was found. There is no host to move to: ${deps.hostName} is the only one.`,
  )

function liveSchema(version: string) {
  const block = atLeast(version, '2.25')
    ? Type.Union([BooleanLike, Type.Literal('auto')])
    : BooleanLike
  return Type.Object(
    {
      host: Host,
      block_migration: block,
      ...(atLeast(version, '2.25') ? {} : { disk_over_commit: BooleanLike }),
      ...(atLeast(version, '2.30') && !atLeast(version, '2.68') ? { force: opt(BooleanLike) } : {}),
    },
    strict,
  )
}

function evacuateSchema(version: string) {
  return Type.Object(
    {
      host: opt(Text(255)),
      adminPass: opt(Password),
      ...(atLeast(version, '2.14') ? {} : { onSharedStorage: BooleanLike }),
      ...(atLeast(version, '2.29') && !atLeast(version, '2.68') ? { force: opt(BooleanLike) } : {}),
    },
    strict,
  )
}
