import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { newRow } from '../tables.ts'
import type { RuleContent } from './schema.ts'
import { defaultGroupOf, groupsReferringTo, insertGroup, insertRules } from './store.ts'

const anything = {
  protocol: null,
  port_min: null,
  port_max: null,
  remote_cidr: null,
  remote_group: null,
  remote_addresses: null,
} as const

/** Without these nothing would leave a machine: every new group has them. */
export const egressRules: readonly RuleContent[] = [
  { direction: 'egress', ethertype: 'IPv4', ...anything },
  { direction: 'egress', ethertype: 'IPv6', ...anything },
]

/** The project's `default` group, made at its first need: its members reach each other, and everything outside. */
export async function ensureDefaultGroup(ctx: Ctx, projectId: string): Promise<string> {
  const known = await defaultGroupOf(ctx, projectId)
  if (known !== undefined) return known
  return await inTx(ctx, async (tx) => {
    const id = randomUUID()
    const made = await insertGroup(tx, {
      ...newRow(tx, id, projectId, { name: 'default', description: 'Default security group' }),
      is_default: 1,
      stateful: 1,
    })
    if (!made) return (await defaultGroupOf(tx, projectId)) ?? id
    await insertRules(tx, id, projectId, [
      ...egressRules,
      { direction: 'ingress', ethertype: 'IPv4', ...anything, remote_group: id },
      { direction: 'ingress', ethertype: 'IPv6', ...anything, remote_group: id },
    ])
    return id
  })
}

/** Ports joined or left these groups, or changed address: whoever refers to them is written anew. */
export async function membershipChanged(tx: Ctx, groupIds: readonly string[]): Promise<void> {
  for (const id of await groupsReferringTo(tx, groupIds)) await nudge(tx, kinds.group, id)
}
