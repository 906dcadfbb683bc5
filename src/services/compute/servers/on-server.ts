import { Type } from '../../../kernel/schema/type.ts'
import type { Method } from '../../../kernel/http/route.ts'

const ServerId = Type.Object({ id: Type.String() })

/** What every `POST /servers/{id}/action` route begins with. */
export function serverAction<A extends string>(action: A, policy: string) {
  return {
    ...onServer('POST', '/action', policy, `Server action ${action}`),
    action,
  } as const
}

/** What every route below one server begins with; `below` is the rest of its path. */
export function onServer<M extends Method>(
  method: M,
  below: string,
  policy: string,
  summary: string,
) {
  return {
    method,
    path: `/v2.1/servers/:id${below}`,
    policy: `os_compute_api:${policy}`,
    params: ServerId,
    summary,
  } as const
}
