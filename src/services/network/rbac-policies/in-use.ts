import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { ownerOfObject, sharesOf, usersOf, type Share } from './store.ts'

/**
 * A rule stays as long as somebody uses the object by this rule alone: 409. `target` is whom the rule is about to be taken
 * from, `next` whom it is to name instead.
 */
export async function mustStayUsable(
  tx: Ctx,
  object: Omit<Share, 'target'>,
  target: string,
  next?: string,
): Promise<void> {
  const shares = (await sharesOf(tx, object.id)).filter(({ action }) => action === object.action)
  if (!shares.some((share) => share.target === target)) return
  const others = shares.map((share) => share.target).filter((other) => other !== target)
  // only of networks Neutron looks at what the rule will be instead
  const open = new Set([
    ...others,
    ...(next === undefined || object.type !== 'network' ? [] : [next]),
  ])
  if (open.has('*')) return
  // Neutron counts the owner of a QoS policy among its users
  const owner =
    object.type === 'qos_policy' ? undefined : await ownerOfObject(tx, object.type, object.id)
  const users = await usersOf(tx, object.type, object.id, object.action)
  const lost = users.filter(
    (project) => project !== owner && !open.has(project) && (target === '*' || project === target),
  )
  if (lost.length === 0) return
  throw neutronError(
    'conflict',
    'RbacPolicyInUse',
    `RBAC policy on object ${object.id} cannot be removed because other objects depend on it: ${object.type} is in use by project ${lost[0]}.`,
  )
}
