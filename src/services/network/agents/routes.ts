import { createHash } from 'node:crypto'
import { can } from '../../../kernel/ctx/ctx.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { ZONE } from '../kinds.ts'
import { pick } from '../standard/query.ts'
import type { View } from '../standard/schema.ts'

/** What this process does for networks, in Neutron's words. */
const roles = [
  { type: 'L3 agent', topic: 'l3_agent', configurations: { agent_mode: 'legacy' } },
  { type: 'Metadata agent', topic: 'N/A', configurations: {} },
] as const

export const agentPolicies = {
  'network:get_agent': 'rule:admin',
  'network:list_agents': 'rule:project-reader',
  'network:get_availability_zone': 'rule:project-reader',
} as const

type Agent = View & { readonly id: string; readonly agent_type: string }

/** Agents: rows for what this very process does, alive as long as it answers. */
class Agents {
  readonly #host: string
  readonly #startedAt = clock(new Date())

  constructor(host: string) {
    this.#host = host
  }

  list(now: Date): Agent[] {
    return roles.map(({ type, topic, configurations }) => ({
      id: idOf(`${this.#host} ${type}`),
      agent_type: type,
      binary: 'stackyard',
      topic,
      host: this.#host,
      availability_zone: ZONE,
      admin_state_up: true,
      alive: true,
      created_at: this.#startedAt,
      started_at: this.#startedAt,
      heartbeat_timestamp: clock(now),
      configurations,
      description: null,
      resources_synced: null,
    }))
  }

  get(now: Date, params: unknown): Agent {
    const { id } = params as { id: string } // named in the path
    const agent = this.list(now).find((candidate) => candidate.id === id)
    if (agent !== undefined) return agent
    throw neutronError('notFound', 'AgentNotFound', `Agent ${id.slice(0, 100)} could not be found.`)
  }
}

/** Who may not see agents gets an empty list, as Neutron does it. */
export function agentRoutes(host: string): Route[] {
  const agents = new Agents(host)
  return [
    route({
      method: 'GET',
      path: '/v2.0/agents',
      policy: 'network:list_agents',
      handle: async (ctx, { rawQuery }) =>
        await Promise.resolve({
          agents: (can(ctx, 'network:get_agent') ? agents.list(ctx.now()) : [])
            .filter((agent) => matches(agent, rawQuery))
            .map((agent) => pick(agent, rawQuery.getAll('fields'))),
        }),
    }),
    route({
      method: 'GET',
      path: '/v2.0/agents/:id',
      policy: 'network:get_agent',
      handle: async (ctx, { params, rawQuery }) =>
        await Promise.resolve({
          agent: pick(agents.get(ctx.now(), params), rawQuery.getAll('fields')),
        }),
    }),
    route({
      method: 'DELETE',
      path: '/v2.0/agents/:id',
      policy: 'network:get_agent',
      handle: async (ctx, { params }) =>
        await Promise.reject(undeletable(agents.get(ctx.now(), params))),
    }),
    zoneRoute,
  ]
}

const undeletable = ({ agent_type: type }: Agent): Error =>
  neutronError(
    'conflict',
    'AgentInUse',
    `The ${type} is part of the running cloud: it cannot be deleted.`,
  )

const zoneRoute = route({
  method: 'GET',
  path: '/v2.0/availability_zones',
  policy: 'network:get_availability_zone',
  handle: async (_ctx, { rawQuery }) =>
    await Promise.resolve({
      availability_zones: ['network', 'router']
        .map((resource) => ({ name: ZONE, resource, state: 'available' }))
        .filter((zone) => matches(zone, rawQuery)),
    }),
})

/** The same for the same host and role, whenever asked. */
function idOf(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function clock(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}

function matches(item: Readonly<Record<string, unknown>>, query: URLSearchParams): boolean {
  return [...new Set(query.keys())]
    .filter((key) => Object.hasOwn(item, key))
    .every((key) =>
      query.getAll(key).some((value) => String(item[key]).toLowerCase() === value.toLowerCase()),
    )
}
