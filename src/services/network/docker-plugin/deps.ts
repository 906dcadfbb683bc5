import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Who } from '../../../kernel/ctx/who.ts'
import { asCloud } from '../../../kernel/ctx/ctx.ts'
import type { DockerPluginPort } from '../../../ports/docker-plugin.ts'
import type { NetworkPort } from '../../../ports/network.ts'
import type { IdentityFace } from '../../identity/face.ts'
import type { Wiring } from '../wiring/wiring.ts'
import type { Neutron } from './neutron.ts'

/** Docker's own networks: where it calls, and how it is treated. */
export interface DockerNetworks {
  readonly plugin: DockerPluginPort
  /** Whose the objects are when no option says it: a project's name or id; default `demo`, else `admin`. */
  readonly project?: string | undefined
  /** How long something may seem to be unwanted before it is taken away; default two minutes. */
  readonly graceMs?: number
}

/** What the plugin works with. */
export interface PluginDeps extends DockerNetworks {
  readonly neutron: Neutron
  readonly wiring: Wiring
  readonly engine: NetworkPort
  readonly identity: IdentityFace
  readonly host: string
}

/**
 * In the project's name, with a member's rights: its quotas hold, it finds what it may see, and it changes what is its own.
 * The Docker Engine knows no tenants, so there is no user behind it.
 */
export function asTenant(ctx: Ctx, projectId: string): Ctx {
  const who: Who = {
    userId: '',
    userName: 'docker',
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId,
    projectName: '',
    projectDomainId: 'default',
    projectDomainName: 'Default',
    system: false,
    roles: ['member', 'reader'],
    roleIds: [],
    methods: [],
    auditIds: [],
    issuedAt: '',
    expiresAt: '',
  }
  return { ...asCloud(ctx), who }
}
