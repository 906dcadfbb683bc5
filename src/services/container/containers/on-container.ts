import { Type } from '../../../kernel/schema/type.ts'
import type { Method } from '../../../kernel/http/route.ts'
import { ruleOf } from '../wire/policy.ts'

export const ContainerIdent = Type.Object({ id: Type.String() })

/** What every route below one container begins with; `below` is the rest of its path, `rule` Zun's name of the policy. */
export function onContainer<M extends Method>(
  method: M,
  below: string,
  rule: string,
  summary: string,
) {
  return {
    method,
    path: `/v1/containers/:id${below}`,
    policy: ruleOf(`container:${rule}`),
    params: ContainerIdent,
    summary,
  } as const
}
