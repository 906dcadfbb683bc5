/** What a project may have when nobody said otherwise: Neutron's own defaults; -1 is unlimited. */
export const quotaDefaults = {
  network: 100,
  subnet: 100,
  port: 500,
  router: 10,
  floatingip: 50,
  security_group: 10,
  security_group_rule: 100,
  subnetpool: -1,
  rbac_policy: 10,
} as const

export type Quoted = keyof typeof quotaDefaults

export const quotedNames = Object.keys(quotaDefaults) as Quoted[] // its own keys
