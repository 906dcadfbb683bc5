import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { ComputeDeps } from '../deps.ts'
import { findServer } from '../servers/store.ts'
import { Text } from '../wire/schemas.ts'

/** For services, which are admins to each other. */
export const externalEventPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-server-external-events:create': 'rule:admin',
}

/** Names by the version that brought them. */
const base = [
  'network-changed',
  'network-vif-plugged',
  'network-vif-unplugged',
  'network-vif-deleted',
] as const
const later = [
  ['2.51', 'volume-extended'],
  ['2.76', 'power-update'],
  ['2.82', 'accelerator-request-bound'],
  ['2.93', 'volume-reimaged'],
] as const

const eventsNamed = (names: readonly string[]) =>
  Type.Object(
    {
      events: Type.Array(
        Type.Object(
          {
            name: Type.Union(names.map((name) => Type.Literal(name))),
            server_uuid: Type.String({ format: 'uuid' }),
            status: Type.Optional(
              Type.Union([
                Type.Literal('failed'),
                Type.Literal('completed'),
                Type.Literal('in-progress'),
              ]),
            ),
            tag: Type.Optional(Text(255)),
          },
          { additionalProperties: false },
        ),
        { minItems: 1, maxItems: 1000 },
      ),
    },
    { additionalProperties: false },
  )

/** One route for each version that took new names. */
const spans = ['2.1', ...later.map(([since]) => since)].map((since, at) => ({
  since,
  until:
    at === 0 ? '2.50' : at < later.length ? `2.${Number(later[at]?.[0].slice(2)) - 1}` : undefined,
  body: eventsNamed([...base, ...later.slice(0, at).map(([, name]) => name)]),
}))
type Event = Static<ReturnType<typeof eventsNamed>>['events'][number]

/**
 * What other services tell Nova about its servers. The own services speak through reconcilers, so an event only makes the
 * server be looked at again, which is all that any of them can mean for a container.
 */
export function externalEventRoutes(_deps: ComputeDeps): readonly Route[] {
  return spans.map(({ since, until, body }) =>
    route({
      method: 'POST',
      path: '/v2.1/os-server-external-events',
      since,
      ...(until === undefined ? {} : { until }),
      body,
      policy: 'os_compute_api:os-server-external-events:create',
      summary: 'Take events of other services',
      handle: async (ctx, req) => await takeEvents(ctx, req.body.events),
    }),
  )
}

async function takeEvents(ctx: Ctx, events: readonly Event[]): Promise<unknown> {
  const known = new Set<string>()
  for (const id of new Set(events.map((event) => event.server_uuid))) {
    if ((await findServer(ctx, id)) !== undefined) known.add(id)
  }
  if (known.size === 0) throw cloudError('notFound', 'No instances found for any event.')
  for (const id of known) await nudge(ctx, 'compute.server', id)
  const answers = events.map((event) =>
    known.has(event.server_uuid)
      ? { ...event, status: event.status ?? 'completed', code: 200 }
      : { ...event, status: 'failed', code: 404 },
  )
  return reply(known.size === new Set(events.map((event) => event.server_uuid)).size ? 200 : 207, {
    events: answers,
  })
}
