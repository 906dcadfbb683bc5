import { atLeast, within } from '../../../kernel/http/microversion.ts'

/** What may be limited, and what a new project gets: generous for a laptop, finite for a mistake. -1 is no limit. */
export const defaults = {
  instances: 100,
  cores: 200,
  ram: 512_000,
  metadata_items: 128,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  // the network service has its own limits for these; Nova kept the names until 2.35
  fixed_ips: -1,
  floating_ips: -1,
  security_groups: -1,
  security_group_rules: -1,
} as const satisfies Record<string, number>

/** A name of the table above. */
export type Resource = keyof typeof defaults
/** A limit for every resource; -1 is none. */
export type Limits = Readonly<Record<Resource, number>>

/** In the order in which answers list them. */
export const resources = Object.keys(defaults) as readonly Resource[] // the keys of the table above

const lastVersion: Partial<Record<Resource, string>> = {
  fixed_ips: '2.35',
  floating_ips: '2.35',
  security_groups: '2.35',
  security_group_rules: '2.35',
  injected_files: '2.56',
  injected_file_content_bytes: '2.56',
  injected_file_path_bytes: '2.56',
}

/** The resources an API version speaks of. */
export function resourcesIn(version: string): readonly Resource[] {
  return resources.filter((name) => within(version, undefined, lastVersion[name]))
}

/** Quota classes went their own way until 2.50: no server groups, but everything else that ever was. */
export function classResourcesIn(version: string): readonly Resource[] {
  return atLeast(version, '2.50')
    ? resourcesIn(version)
    : resources.filter((name) => !name.startsWith('server_group'))
}
