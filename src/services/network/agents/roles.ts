/** What this process does for networks, in Neutron's words. */
export const roles = [
  { type: 'DHCP agent', topic: 'dhcp_agent', configurations: {} },
  { type: 'L3 agent', topic: 'l3_agent', configurations: { agent_mode: 'legacy' } },
  { type: 'Metadata agent', topic: 'N/A', configurations: {} },
] as const

export type AgentType = (typeof roles)[number]['type']
