import type { Req } from '../../../kernel/http/route.ts'
import type { UserRecord } from './store.ts'

/** A user as the API shows one: never with anything of the password but its expiry. */
export function userView(req: Req, user: UserRecord): Record<string, unknown> & { id: string } {
  return {
    ...user.extra,
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: user.enabled,
    ...(user.defaultProjectId === null ? {} : { default_project_id: user.defaultProjectId }),
    password_expires_at: user.passwordExpiresAt,
    options: user.options,
    links: { self: `${req.serviceUrl}/v3/users/${user.id}` },
  }
}
