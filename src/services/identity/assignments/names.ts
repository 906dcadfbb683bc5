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

/** One query per kind of thing, however long the list is. */
export async function namesFor(ctx: Ctx, entries: readonly Entry[]): Promise<Names> {
  const actors = await actorsOf(ctx, entries)
  const scopeIds = entries.map((entry) => entry.scopeId)
  const targets = byId(await projectsByIds(ctx, scopeIds))
  const roles = await allRoles(ctx)
  const domains = await domainsOf(ctx, [...actors.values(), ...targets.values(), ...roles.values()])
  return {
    role: (id) => named(id, roles.get(id), domains),
    actor: (id) => named(id, actors.get(id), domains),
    target: (id) => named(id, targets.get(id), domains),
  }
}

/** What has a name, in a domain or (a role of the cloud, a domain itself) in none. */
interface Nameable {
  readonly id: string
  readonly name: string
  readonly domainId: string | null
}

const byId = (all: readonly Nameable[]): ReadonlyMap<string, Nameable> =>
  new Map(all.map((one) => [one.id, one]))

async function actorsOf(
  ctx: Ctx,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, Nameable>> {
  const ids = (type: 'user' | 'group'): string[] =>
    entries.filter((entry) => entry.actorType === type).map((entry) => entry.actorId)
  return byId([...(await usersByIds(ctx, ids('user'))), ...(await groupsByIds(ctx, ids('group')))])
}

async function domainsOf(
  ctx: Ctx,
  all: readonly Nameable[],
): Promise<ReadonlyMap<string, Nameable>> {
  const ids = all.map((one) => one.domainId ?? '').filter((id) => id !== '')
  return byId(await projectsByIds(ctx, ids))
}

function named(
  id: string,
  one: Nameable | undefined,
  domains: ReadonlyMap<string, Nameable>,
): Named {
  if (one === undefined) return { id }
  const domain =
    one.domainId === null || one.domainId === ''
      ? {}
      : { domain: { id: one.domainId, name: domains.get(one.domainId)?.name } }
  return { id, name: one.name, ...domain }
}
