import { Type } from '../../../../kernel/schema/type.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { IntegerLike, toInteger } from '../../wire/schemas.ts'
import { getServer } from '../act.ts'
import { onServer, serverAction } from '../on-server.ts'
import { statusOf } from '../status.ts'

const strict = { additionalProperties: false } as const
const MAX_LINES = 100_000

const Output = Type.Object(
  { length: Type.Optional(Type.Union([IntegerLike(-1), Type.Null()])) },
  strict,
)

/** Output of the container's process; screens it has none. */
export function consoleActions(deps: ComputeDeps): readonly Route[] {
  return [...output(deps), ...screens()]
}

function output(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('os-getConsoleOutput', 'os-console-output'),
      body: Output,
      handle: async (ctx, { params, body }) => {
        const server = await getServer(ctx, params.id)
        if (statusOf(server, await deps.workload.find(ctx, server.id)).vmState === 'building')
          throw cloudError(
            'conflict',
            `Instance ${server.id} is not ready: it is still being built.`,
          )
        const asked =
          body.length === undefined || body.length === null
            ? -1
            : toInteger(body.length, 'length', -1)
        if (asked === 0) return { output: '' }
        const output = await deps.workload.logs(
          ctx,
          server.id,
          asked < 0 ? MAX_LINES : Math.min(asked, MAX_LINES),
        )
        return { output: clean(output) }
      },
    }),
  ]
}

function screens(): readonly Route[] {
  return [
    ...[
      { action: 'os-getVNCConsole', types: ['novnc', 'xvpvnc'], until: '2.5' },
      { action: 'os-getSPICEConsole', types: ['spice-html5'], until: '2.5' },
      { action: 'os-getRDPConsole', types: ['rdp-html5'], until: '2.5' },
      { action: 'os-getSerialConsole', types: ['serial'], until: '2.5' },
    ].map(({ action, types, until }) =>
      route({
        ...serverAction(action, 'os-remote-consoles'),
        until,
        body: Type.Object({ type: Type.Union(types.map((type) => Type.Literal(type))) }, strict),
        handle: async (ctx, { params, body }) => {
          await getServer(ctx, params.id)
          throw unavailable(body.type)
        },
      }),
    ),
    ...['2.6', '2.8'].map((since) =>
      route({
        ...onServer('POST', '/remote-consoles', 'os-remote-consoles', 'Create a remote console'),
        since,
        ...(since === '2.6' ? { until: '2.7' } : {}),
        body: remoteSchema(since !== '2.6'),
        handle: async (ctx, { params, body }) => {
          await getServer(ctx, params.id)
          throw unavailable(body.remote_console.type)
        },
      }),
    ),
  ]
}

function remoteSchema(mks: boolean) {
  const words = (list: readonly string[]) => Type.Union(list.map((word) => Type.Literal(word)))
  return Type.Object(
    {
      remote_console: Type.Object(
        {
          protocol: words(['vnc', 'spice', 'rdp', 'serial', ...(mks ? ['mks'] : [])]),
          type: words([
            'novnc',
            'xvpvnc',
            'spice-html5',
            'rdp-html5',
            'serial',
            ...(mks ? ['webmks'] : []),
          ]),
        },
        strict,
      ),
    },
    strict,
  )
}

const unavailable = (type: string): Error =>
  cloudError(
    'badRequest',
    `Console type ${type} is not available: a container has no screen or serial port. Its output is in os-getConsoleOutput.`,
  )

/** Control characters that terminals choke on; tab, line feed, carriage return and escape (colours) stay. */
const CONTROL = new RegExp(
  `[${['00-08', '0b-0c', '0e-1a', '1c-1f'].map((range) => range.replaceAll(/[0-9a-f]{2}/g, '\\x$&')).join('')}]`,
  'g',
)

/** The last line has no end, so that `length` lines are `length` lines. */
function clean(output: string): string {
  return output.replaceAll('\r\n', '\n').replaceAll(CONTROL, '').replace(/\n$/, '')
}
