import type { Extension } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import { Agents } from './agents.ts'
import { agentPolicies, agentRoutes } from './routes.ts'
import { schedulerPolicies, schedulerRoutes } from './schedulers.ts'
import { agentMigration } from './store.ts'

/**
 * Agents and what they see to. One process does the work of all of them; still an admin can switch one off, or take a router
 * or a network off it, and then it is truly not served: the router passes nothing, the network has no DHCP.
 */
export function agentsFeature(host: string): Feature {
  const agents = new Agents(host)
  return {
    routes: agentRoutes(agents),
    routesOn: (find) => schedulerRoutes(agents, find('router'), find('network')),
    policies: { ...agentPolicies, ...schedulerPolicies },
    migrations: [agentMigration],
    extensions,
  }
}

const extensions: readonly Extension[] = [
  {
    alias: 'agent',
    name: 'agent',
    updated: '2013-02-03T10:00:00-00:00',
    description: 'The parts of the cloud that do the network work.',
  },
  {
    alias: 'agent-resources-synced',
    name: "Agent's Resource View Synced to Placement",
    updated: '2018-12-19T00:00:00-00:00',
    description: 'Agents say whether they told Placement what they have; none of these has to.',
  },
  {
    alias: 'agent_sort_key',
    name: 'Agents Sort Key',
    updated: '2013-02-03T10:00:00-00:00',
    description: 'Agents can be sorted by every attribute.',
  },
  {
    alias: 'availability_zone',
    name: 'Availability Zone',
    updated: '2015-01-01T10:00:00-00:00',
    description: 'The zones in which networks and routers live.',
  },
  {
    alias: 'availability_zone_filter',
    name: 'Availability Zone Filter Extension',
    updated: '2018-06-22T10:00:00-00:00',
    description: 'Zones can be found by name, resource and state.',
  },
  {
    alias: 'dhcp_agent_scheduler',
    name: 'DHCP Agent Scheduler',
    updated: '2013-02-07T10:00:00-00:00',
    description: 'Networks can be taken off the DHCP agent and put on it again.',
  },
  {
    alias: 'l3_agent_scheduler',
    name: 'L3 Agent Scheduler',
    updated: '2013-02-07T10:00:00-00:00',
    description: 'Routers can be taken off the L3 agent and put on it again.',
  },
]
