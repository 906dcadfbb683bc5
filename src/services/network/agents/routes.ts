import { Type } from '../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { neutronError } from '../fault.ts'
import { kinds, ZONE } from '../kinds.ts'
import { allRouters } from '../routers/store.ts'
import { listed } from '../standard/in-memory.ts'
import { pick } from '../standard/query.ts'
import { Flag, given, isTrue, Text } from '../standard/schema.ts'
import type { Agent, Agents } from './agents.ts'
import type { AgentType } from './roles.ts'
import { setAgent } from './store.ts'

export const agentPolicies = {
  'network:get_agent': 'rule:admin',
  'network:list_agents': 'rule:project-reader',
  'network:update_agent': 'rule:admin',
  'network:delete_agent': 'rule:admin',
  'network:get_availability_zone': 'rule:project-reader',
} as const

const keys = [
  'id',
  'agent_type',
  'binary',
  'topic',
  'host',
  'availability_zone',
  'admin_state_up',
  'alive',
  'created_at',
  'started_at',
  'heartbeat_timestamp',
  'description',
  'resources_synced',
]

const Path = Type.Object({ id: Text() })
const Change = Type.Object(
  {
    agent: Type.Object(
      {
        admin_state_up: Type.Optional(Flag),
        description: Type.Optional(Type.Union([Text(), Type.Null()])),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

/** Agents: what this process does for networks. Who may not see them gets an empty list, as Neutron does it. */
export function agentRoutes(agents: Agents): Route[] {
  return [...readRoutes(agents), ...writeRoutes(agents), zoneRoute]
}

function readRoutes(agents: Agents): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.0/agents',
      policy: 'network:list_agents',
      handle: async (ctx, { rawQuery }) => ({
        agents: listed(can(ctx, 'network:get_agent') ? await agents.list(ctx) : [], rawQuery, keys),
      }),
    }),
    route({
      method: 'GET',
      path: '/v2.0/agents/:id',
      policy: 'network:get_agent',
      params: Path,
      handle: async (ctx, { params, rawQuery }) => ({
        agent: pick(await agents.get(ctx, params.id), rawQuery.getAll('fields')),
      }),
    }),
  ]
}

function writeRoutes(agents: Agents): Route[] {
  return [
    route({
      method: 'PUT',
      path: '/v2.0/agents/:id',
      policy: 'network:update_agent',
      params: Path,
      body: Change,
      handle: async (ctx, { params, body }) =>
        await inTx(ctx, async (tx) => {
          const agent = await agents.get(tx, params.id)
          const { admin_state_up: up, description } = body.agent
          await change(tx, agent, { up: given(up, isTrue), description })
          return { agent: await agents.get(tx, agent.id) }
        }),
    }),
    route({
      method: 'DELETE',
      path: '/v2.0/agents/:id',
      policy: 'network:delete_agent',
      params: Path,
      handle: async (ctx, { params }) =>
        await Promise.reject(undeletable(await agents.get(ctx, params.id))),
    }),
  ]
}

interface AgentChange {
  readonly up: boolean | undefined
  readonly description: string | null | undefined
}

/** A DHCP or L3 agent that is switched off serves nothing; the metadata agent has no objects of its own to let go of. */
async function change(tx: Ctx, agent: Agent, { up, description }: AgentChange): Promise<void> {
  const was = agent['admin_state_up'] === true
  const told = agent['description'] as string | null // a column of that type
  await setAgent(tx, {
    id: agent.id,
    host: agent.host,
    type: agent.agent_type,
    admin_up: (up ?? was) ? 1 : 0,
    description: description === undefined ? told : description,
  })
  if (up !== undefined && up !== was) await lookAgain(tx, agent.agent_type)
}

async function lookAgain(tx: Ctx, type: AgentType): Promise<void> {
  // leases are asked for one by one: whether there are any is looked up then
  if (type !== 'L3 agent') return
  for (const { id } of await allRouters(tx)) await nudge(tx, kinds.router, id)
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
      availability_zones: listed(
        ['network', 'router'].map((resource) => ({ name: ZONE, resource, state: 'available' })),
        rawQuery,
        ['name', 'resource', 'state'],
        (zone) => String(zone['resource']),
      ),
    }),
})
