import type { Req } from '../../../kernel/http/route.ts'
import type { GroupRecord } from './store.ts'

/** A group as the API shows it. */
export function groupView(req: Req, group: GroupRecord): Record<string, unknown> & { id: string } {
  return {
    ...group.extra,
    id: group.id,
    name: group.name,
    domain_id: group.domainId,
    description: group.description,
    links: { self: `${req.serviceUrl}/v3/groups/${group.id}` },
  }
}
