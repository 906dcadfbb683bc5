import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import type { Resource } from '../standard/resource.ts'
import { getRow } from '../standard/routes.ts'
import { Id, Text, type StandardRow } from '../standard/schema.ts'
import { rowsBy } from '../standard/store.ts'
import type { Agent, Agents } from './agents.ts'
import type { AgentType } from './roles.ts'
import { absentees, putOn, takeOff } from './store.ts'

/** What an agent of a kind sees to, and the calls that take objects off it and put them on again. */
interface Schedule {
  readonly agent: AgentType
  readonly resource: Resource
  /** Below an agent: `l3-routers`. */
  readonly hosted: string
  /** Below an object: `l3-agents`. */
  readonly hosts: string
  readonly key: 'router_id' | 'network_id'
  /** Who has to hear of it; leases are looked up when a guest asks. */
  readonly task?: string
  readonly wrongAgent: string
  readonly onAlready: string
  readonly notOn: string
}

export function schedulerRoutes(
  agents: Agents,
  routers: Resource,
  networks: Resource,
): readonly Route[] {
  const schedules: readonly Schedule[] = [
    {
      agent: 'L3 agent',
      resource: routers,
      hosted: 'l3-routers',
      hosts: 'l3-agents',
      key: 'router_id',
      task: kinds.router,
      wrongAgent: 'InvalidL3Agent',
      onAlready: 'RouterHostedByL3Agent',
      notOn: 'RouterNotHostedByL3Agent',
    },
    {
      agent: 'DHCP agent',
      resource: networks,
      hosted: 'dhcp-networks',
      hosts: 'dhcp-agents',
      key: 'network_id',
      wrongAgent: 'InvalidDHCPAgent',
      onAlready: 'NetworkHostedByDHCPAgent',
      notOn: 'NetworkNotHostedByDhcpAgent',
    },
  ]
  return schedules.flatMap((schedule) => [
    ...readRoutes(agents, schedule),
    addRoute(agents, schedule),
    removeRoute(agents, schedule),
  ])
}

export const schedulerPolicies = Object.fromEntries(
  ['l3-router', 'dhcp-network'].flatMap((what) =>
    [`get_${what}s`, `create_${what}`, `delete_${what}`].map((rule) => [
      `network:${rule}`,
      'rule:admin',
    ]),
  ),
)

const Path = Type.Object({ agent: Text() })
const ObjectPath = Type.Object({ agent: Text(), object: Text() })
const policyOf = (verb: 'get' | 'create' | 'delete', { hosted }: Schedule): string =>
  `network:${verb}_${verb === 'get' ? hosted : hosted.slice(0, -1)}`

function readRoutes(agents: Agents, schedule: Schedule): Route[] {
  const { resource } = schedule
  const policy = policyOf('get', schedule)
  return [
    route({
      method: 'GET',
      path: `/v2.0/agents/:agent/${schedule.hosted}`,
      policy,
      params: Path,
      handle: async (ctx, { params }) => {
        const agent = await agents.get(ctx, params.agent)
        const rows = agent.agent_type === schedule.agent ? await hostedBy(ctx, schedule, agent) : []
        return { [resource.plural]: await resource.views(ctx, rows) }
      },
    }),
    route({
      method: 'GET',
      path: `/v2.0/${resource.path}/:object/${schedule.hosts}`,
      policy,
      params: Type.Object({ object: Text() }),
      handle: async (ctx, { params }) => {
        const row = await getRow(ctx, resource, params.object)
        const absent = (await absentees(ctx, schedule.agent)).has(row.id)
        const all = absent ? [] : await agents.list(ctx)
        return { agents: all.filter((agent) => agent.agent_type === schedule.agent) }
      },
    }),
  ]
}

async function hostedBy(
  ctx: Ctx,
  { resource }: Schedule,
  agent: Agent,
): Promise<readonly StandardRow[]> {
  const absent = await absentees(ctx, agent.agent_type)
  const rows = await rowsBy<StandardRow>(ctx, resource.spec, 'host', [agent.host])
  return rows.filter(({ id }) => !absent.has(id))
}

function addRoute(agents: Agents, schedule: Schedule): Route {
  const { key } = schedule
  return route({
    method: 'POST',
    path: `/v2.0/agents/:agent/${schedule.hosted}`,
    policy: policyOf('create', schedule),
    status: 201,
    params: Path,
    body: Type.Object({ [key]: Id }, { additionalProperties: false }),
    handle: async (ctx, { params, body }) => {
      const agent = await rightAgent(ctx, agents, schedule, params.agent)
      const id = (body as Readonly<Record<string, string>>)[key] ?? '' // the schema demands it
      await inTx(ctx, async (tx) => {
        const row = await getRow(tx, schedule.resource, id)
        if (!(await putOn(tx, schedule.agent, row.id)))
          throw neutronError(
            'conflict',
            schedule.onAlready,
            `The ${schedule.resource.singular} ${id} has been already hosted by the ${schedule.agent} ${agent.id}.`,
          )
        await tell(tx, schedule, row.id)
      })
      return null
    },
  })
}

function removeRoute(agents: Agents, schedule: Schedule): Route {
  return route({
    method: 'DELETE',
    path: `/v2.0/agents/:agent/${schedule.hosted}/:object`,
    policy: policyOf('delete', schedule),
    params: ObjectPath,
    handle: async (ctx, { params }) => {
      const agent = await rightAgent(ctx, agents, schedule, params.agent)
      await inTx(ctx, async (tx) => {
        const row = await getRow(tx, schedule.resource, params.object)
        if (!(await takeOff(tx, schedule.agent, row.id)))
          throw neutronError(
            'conflict',
            schedule.notOn,
            `The ${schedule.resource.singular} ${row.id} is not hosted by the ${schedule.agent} ${agent.id}.`,
          )
        await tell(tx, schedule, row.id)
      })
      return reply(204)
    },
  })
}

async function tell(tx: Ctx, { task }: Schedule, id: string): Promise<void> {
  if (task !== undefined) await nudge(tx, task, id)
}

async function rightAgent(
  ctx: Ctx,
  agents: Agents,
  schedule: Schedule,
  id: string,
): Promise<Agent> {
  const agent = await agents.get(ctx, id)
  if (agent.agent_type === schedule.agent) return agent
  throw neutronError(
    'notFound',
    schedule.wrongAgent,
    `Agent ${id} is a ${agent.agent_type}, not a ${schedule.agent}.`,
  )
}
