import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx, toJson } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { getAddressScope } from '../address-scopes/store.ts'
import { compacted, without } from '../addressing/cidr-set.ts'
import { formatCidr, lastOf, overlaps, parseCidr, type Cidr } from '../addressing/cidr.ts'
import { invalidValue, neutronError } from '../fault.ts'
import { scopeOfPool } from '../rbac-policies/store.ts'
import { askingProject, mustOwn, seesAll } from '../standard/access.ts'
import { changeRow } from '../standard/store.ts'
import { listOf, PrefixOps, type SubnetPoolRow } from './schema.ts'
import { getSubnetPool, poolsInScope, subnetPoolSpec, takenFrom } from './store.ts'

/** The prefixes of a pool: how they may grow and shrink. */

/** Adding and removing prefixes one by one. */
export function prefixRoutes(): Route[] {
  const op = (verb: 'add' | 'remove'): Route =>
    route({
      method: 'PUT',
      path: `/v2.0/subnetpools/:id/${verb}_prefixes`,
      policy: 'network:update_subnetpool',
      body: PrefixOps,
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const row = await getSubnetPool(tx, (req.params as { id: string }).id) // named in the path
          mustOwn(tx, row, 'update_subnetpool')
          await mustOwnScope(tx, row)
          const sent = readPrefixes(listOf(req.body.prefixes))
          const had = readPrefixes(fromJson<string[]>(row.prefixes))
          const left = verb === 'add' ? compacted([...had, ...sent]) : without(had, sent)
          const prefixes = left.map(formatCidr)
          await writePrefixes(tx, row, prefixes)
          return { prefixes }
        }),
    })
  return [op('add'), op('remove')]
}

export function readPrefixes(texts: readonly string[]): Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text)
    if (cidr === undefined || cidr.prefix === 0)
      throw invalidValue('prefixes', `'${text.slice(0, 64)}' is not a valid IP subnet.`)
    return cidr
  })
}

/** As Neutron keeps them: a prefix within another is dropped, two halves of one become one, in their order. */
export const merged = (texts: readonly string[]): string[] =>
  compacted(readPrefixes(texts)).map(formatCidr)

export const covers = (outer: Cidr, inner: Cidr): boolean =>
  overlaps(outer, inner) && outer.prefix <= inner.prefix

/** What a pool in somebody else's scope may hold is the scope's owner's affair. */
export async function mustOwnScope(tx: Ctx, pool: SubnetPoolRow): Promise<void> {
  const scope = pool.scope_id === null ? undefined : await scopeOfPool(tx, pool.id)
  if (scope === undefined || seesAll(tx) || scope.project_id === askingProject(tx)) return
  throw neutronError(
    'badRequest',
    'IllegalSubnetPoolUpdate',
    `Illegal subnetpool update: subnetpool ${pool.id} cannot be updated when associated with shared address scope ${scope.id}.`,
  )
}

/** Within an address scope every address is unique, so its pools must lie apart and be of its family. */
export async function checkScope(
  tx: Ctx,
  pool: Pick<SubnetPoolRow, 'id' | 'scope_id' | 'version' | 'prefixes'>,
): Promise<void> {
  if (pool.scope_id === null) return
  const scope = await getAddressScope(tx, pool.scope_id)
  if (scope.version !== pool.version)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolIpVersionAssociation',
      `Illegal subnetpool association: the subnetpool cannot associate with address scope ${scope.id}, because its IP version is ${scope.version}.`,
    )
  const own = readPrefixes(fromJson<string[]>(pool.prefixes))
  for (const other of await poolsInScope(tx, pool.scope_id)) {
    const theirs = readPrefixes(fromJson<string[]>(other.prefixes))
    if (
      other.id === pool.id ||
      !own.some((mine) => theirs.some((prefix) => overlaps(mine, prefix)))
    )
      continue
    throw neutronError(
      'conflict',
      'AddressScopePrefixConflict',
      'Failed to associate address scope: subnetpools within an address scope must have unique prefixes.',
    )
  }
}

/** Every prefix given out must stay inside the pool. */
export async function writePrefixes(
  tx: Ctx,
  row: SubnetPoolRow,
  prefixes: readonly string[],
): Promise<void> {
  const ranges = readPrefixes(prefixes)
  if (ranges.some((range) => range.base.version !== row.version))
    throw neutronError(
      'badRequest',
      'PrefixVersionMismatch',
      'Cannot mix IPv4 and IPv6 prefixes in a subnet pool.',
    )
  const taken = readPrefixes((await takenFrom(tx, row.id)).map(({ cidr }) => cidr))
  const lost = taken.find(
    (cidr) =>
      !ranges.some((range) => range.base.value <= cidr.base.value && lastOf(cidr) <= lastOf(range)),
  )
  if (lost !== undefined)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolPrefixUpdate',
      `Illegal update to prefixes: ${formatCidr(lost)} is allocated from the pool.`,
    )
  await checkScope(tx, { ...row, prefixes: toJson(prefixes) })
  await changeRow(tx, subnetPoolSpec, row.id, { prefixes: toJson(prefixes) })
}

/** A PUT may add prefixes only; taking one away has a call of its own. */
export async function growPrefixes(
  tx: Ctx,
  row: SubnetPoolRow,
  prefixes: readonly string[],
): Promise<void> {
  const next = readPrefixes(prefixes)
  const lost = readPrefixes(fromJson<string[]>(row.prefixes)).find(
    (had) => !next.some((prefix) => covers(prefix, had)),
  )
  if (lost !== undefined)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolPrefixUpdate',
      `Illegal update to prefixes: ${formatCidr(lost)} is left out; remove_prefixes takes prefixes away.`,
    )
  await writePrefixes(tx, row, prefixes)
}
