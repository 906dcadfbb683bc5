import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { groupsByIds } from '../groups/store.ts'
import { projectsByIds } from '../projects/store.ts'
import { allRoles } from '../roles/store.ts'
import { usersByIds } from '../users/store.ts'
import type { Entry } from './listing.ts'

type Named = Record<string, unknown>

/** Ids with names and domains, for `include_names`. */
export interface Names {
  role(id: string): Named
  actor(id: string): Named
  target(id: string): Named
}

/** Four queries, however long the list is. */
export async function namesFor(ctx: Ctx, entries: readonly Entry[]): Promise<Names> {
  const ids = (type: 'user' | 'group'): string[] =>
    entries.filter((entry) => entry.actorType === type).map((entry) => entry.actorId)
  const actors = new Map(
    [...(await usersByIds(ctx, ids('user'))), ...(await groupsByIds(ctx, ids('group')))].map(
      (one) => [one.id, one],
    ),
  )
  const targets = new Map(
    (
      await projectsByIds(
        ctx,
        entries.map((entry) => entry.scopeId),
      )
    ).map((one) => [one.id, one]),
  )
  const roles = await allRoles(ctx)
  const domainIds = [
    ...[...actors.values()].map((one) => one.domainId),
    ...[...targets.values()].map((one) => one.domainId),
    ...[...roles.values()].map((one) => one.domainId ?? ''),
  ]
  const domains = new Map(
    (
      await projectsByIds(
        ctx,
        domainIds.filter((id) => id !== ''),
      )
    ).map((one) => [one.id, one.name]),
  )
  const named = (
    id: string,
    one: { readonly name: string; readonly domainId: string | null } | undefined,
  ): Named =>
    one === undefined
      ? { id }
      : {
          id,
          name: one.name,
          ...(one.domainId === null || one.domainId === ''
            ? {}
            : { domain: { id: one.domainId, name: domains.get(one.domainId) } }),
        }
  return {
    role: (id) => named(id, roles.get(id)),
    actor: (id) => named(id, actors.get(id)),
    target: (id) => named(id, targets.get(id)),
  }
}
