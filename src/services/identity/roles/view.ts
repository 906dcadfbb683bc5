import type { Req } from '../../../kernel/http/route.ts'
import type { RoleRecord } from './store.ts'

/** A role as the API shows it. */
export function roleView(req: Req, role: RoleRecord): Record<string, unknown> & { id: string } {
  return {
    ...role.extra,
    id: role.id,
    name: role.name,
    domain_id: role.domainId,
    description: role.description,
    options: role.options,
    links: { self: `${req.serviceUrl}/v3/roles/${role.id}` },
  }
}
