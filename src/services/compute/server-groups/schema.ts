import { Type, type Static } from '../../../kernel/schema/type.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { Envelope, IntegerLike, Name } from '../wire/schemas.ts'

/** With one host `affinity` always holds; `anti-affinity` limits the members on it; the soft ones only wish. */
export type GroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'

/** A group as its store gives it, members included. */
export interface ServerGroup {
  readonly id: string
  readonly name: string
  readonly projectId: string
  readonly userId: string
  readonly policy: GroupPolicy
  /** For `anti-affinity`: how many members one host may have; null when the group does not say. */
  readonly maxServersPerHost: number | null
  /** Ids of its servers. */
  readonly members: readonly string[]
}

const hard = [Type.Literal('affinity'), Type.Literal('anti-affinity')] as const
const soft = [Type.Literal('soft-affinity'), Type.Literal('soft-anti-affinity')] as const
const strict = { additionalProperties: false } as const

/** A list of one: groups never had more than one policy. */
const list = <S extends Parameters<typeof Type.Array>[0]>(policy: S) =>
  Type.Array(policy, { minItems: 1, maxItems: 1 })

/** 2.1 to 2.14: the hard policies. */
export const NewGroup21 = Envelope(
  'server_group',
  Type.Object({ name: Name, policies: list(Type.Union([...hard])) }, strict),
)
/** 2.15 to 2.63: also the soft ones. */
export const NewGroup215 = Envelope(
  'server_group',
  Type.Object({ name: Name, policies: list(Type.Union([...hard, ...soft])) }, strict),
)
/** From 2.64 on: one policy, with rules. */
export const NewGroup264 = Envelope(
  'server_group',
  Type.Object(
    {
      name: Name,
      policy: Type.Union([...hard, ...soft]),
      rules: Type.Optional(
        Type.Object({ max_server_per_host: Type.Optional(IntegerLike(1)) }, strict),
      ),
    },
    strict,
  ),
)
export type NewGroup264 = Static<typeof NewGroup264>['server_group']

/** `policies` and `metadata` became `policy` and `rules` in 2.64. */
export function groupView(req: Req, group: ServerGroup): Record<string, unknown> {
  const since = (version: string): boolean => atLeast(req.version, version)
  return {
    id: group.id,
    name: group.name,
    ...(since('2.64')
      ? {
          policy: group.policy,
          rules:
            group.maxServersPerHost === null
              ? {}
              : { max_server_per_host: group.maxServersPerHost },
        }
      : { policies: [group.policy], metadata: {} }),
    members: group.members,
    ...(since('2.13') ? { project_id: group.projectId, user_id: group.userId } : {}),
  }
}
