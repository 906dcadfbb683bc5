/** What quotas are of, with the limits of a project that has none of its own. Memory in MiB, disk in GiB. */
export const quotaDefaults = { containers: 40, memory: 51_200, cpu: 20, disk: 100 } as const

export type QuotaName = keyof typeof quotaDefaults

export const quotaNames = Object.keys(quotaDefaults) as QuotaName[] // keys of the table above

/** Every project is of this class. */
export const DEFAULT_CLASS = 'default'
