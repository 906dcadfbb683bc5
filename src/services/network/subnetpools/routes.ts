import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { bitsOf } from '../addressing/address.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { routersOfPool } from '../address-scopes/store.ts'
import { formatCidr } from '../addressing/cidr.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { mustFit } from '../quotas/store.ts'
import { deleteSharesOf, setShared } from '../rbac-policies/store.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, given, isTrue, standardView, wholeOf, type View } from '../standard/schema.ts'
import { changeRow, tagsOf } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { checkScope, growPrefixes, merged, mustOwnScope, readPrefixes } from './prefixes.ts'
import {
  listOf,
  NewSubnetPool,
  SubnetPoolChange,
  type NewSubnetPoolWish,
  type SubnetPoolChangeWish,
  type SubnetPoolRow,
} from './schema.ts'
import {
  defaultPoolOf,
  deleteSubnetPool,
  insertSubnetPool,
  subnetPoolSpec,
  takenFrom,
} from './store.ts'

/** Subnet pools: prefixes from which projects take subnets that never overlap. */
export function subnetPoolResource(): Resource {
  return resource<SubnetPoolRow, typeof NewSubnetPool, typeof SubnetPoolChange>({
    singular: 'subnetpool',
    plural: 'subnetpools',
    path: 'subnetpools',
    label: 'Subnet pool',
    notFound: 'SubnetPoolNotFound',
    spec: subnetPoolSpec,
    taggable: true,
    createBody: NewSubnetPool,
    updateBody: SubnetPoolChange,
    adminOnly: { shared: false, is_default: false },
    create: createPool,
    update: updatePool,
    remove: removePool,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(poolView)),
  })
}

interface Lengths {
  readonly version: 4 | 6
  readonly min: number
  readonly max: number
  /** Of subnets for which no length is asked; the shortest prefix when nothing else is said. */
  readonly usual?: number
}

type LengthWish = Pick<
  SubnetPoolChangeWish,
  'min_prefixlen' | 'max_prefixlen' | 'default_prefixlen'
>

const quotaOf = (asked: number | string | null | undefined): number | null =>
  asked === undefined || asked === null ? null : Number(asked)

function lengthsOf(wish: LengthWish, had: Lengths): Required<Lengths> {
  const { version } = had
  const bits = bitsOf(version)
  const min = wholeOf('min_prefixlen', wish.min_prefixlen, 128) ?? had.min
  const max = wholeOf('max_prefixlen', wish.max_prefixlen, 128) ?? had.max
  const usual = wholeOf('default_prefixlen', wish.default_prefixlen, 128) ?? had.usual ?? min
  if (max > bits || min > bits || usual > bits)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolPrefixBounds',
      `A prefix length of IPv${version} is at most ${bits}.`,
    )
  if (min > max)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolPrefixBounds',
      `Illegal prefix bounds: min_prefixlen=${min}, max_prefixlen=${max}.`,
    )
  if (usual < min || usual > max)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolPrefixBounds',
      `Illegal prefix bounds: default_prefixlen=${usual} is not between ${min} and ${max}.`,
    )
  return { version, min, max, usual }
}

export async function createPool(
  tx: Ctx,
  wish: NewSubnetPoolWish,
  projectId: string,
): Promise<string> {
  const prefixes = readPrefixes(listOf(wish.prefixes))
  const version = prefixes[0]?.base.version ?? 4
  if (prefixes.some((prefix) => prefix.base.version !== version))
    throw neutronError(
      'badRequest',
      'PrefixVersionMismatch',
      'Cannot mix IPv4 and IPv6 prefixes in a subnet pool.',
    )
  await mustFit(tx, 'subnetpool', projectId)
  const lengths = lengthsOf(wish, { version, min: version === 4 ? 8 : 64, max: bitsOf(version) })
  const isDefault = bit(wish.is_default, false)
  if (isDefault === 1) await checkDefault(tx, version)
  const id = randomUUID()
  const row = {
    ...newRow(tx, id, projectId, wish),
    prefixes: toJson(merged(prefixes.map(formatCidr))),
    version,
    default_len: lengths.usual,
    min_len: lengths.min,
    max_len: lengths.max,
    quota: quotaOf(wish.default_quota),
    is_default: isDefault,
    scope_id: wish.address_scope_id ?? null,
  }
  await checkScope(tx, row)
  await insertSubnetPool(tx, row)
  if (bit(wish.shared, false) === 1)
    await setShared(tx, { type: 'subnetpool', id, action: 'access_as_shared' }, projectId, true)
  return id
}

async function checkDefault(tx: Ctx, version: 4 | 6, id?: string): Promise<void> {
  const other = await defaultPoolOf(tx, version)
  if (other !== undefined && other !== id)
    throw neutronError(
      'badRequest',
      'InvalidInput',
      `A default subnetpool for this IP family has already been set: ${other}.`,
    )
}

async function updatePool(tx: Ctx, row: SubnetPoolRow, wish: SubnetPoolChangeWish): Promise<void> {
  await mustOwnScope(tx, row)
  const { min, max, usual } = lengthsOf(wish, {
    version: row.version,
    min: row.min_len,
    max: row.max_len,
    usual: row.default_len,
  })
  if (wish.is_default !== undefined && isTrue(wish.is_default))
    await checkDefault(tx, row.version, row.id)
  if (wish.address_scope_id !== undefined)
    await checkScope(tx, { ...row, scope_id: wish.address_scope_id })
  if (wish.prefixes !== undefined) {
    const scope = wish.address_scope_id === undefined ? row.scope_id : wish.address_scope_id
    await growPrefixes(tx, { ...row, scope_id: scope }, merged(listOf(wish.prefixes)))
  }
  await changeRow(tx, subnetPoolSpec, row.id, {
    min_len: min,
    max_len: max,
    default_len: usual,
    name: wish.name,
    description: wish.description,
    quota: given(wish.default_quota, quotaOf),
    is_default: given(wish.is_default, (on) => bit(on, false)),
    scope_id: wish.address_scope_id,
  })
  if (wish.address_scope_id !== undefined && wish.address_scope_id !== row.scope_id)
    for (const router of await routersOfPool(tx, row.id)) await nudge(tx, kinds.router, router)
}

async function removePool(tx: Ctx, row: SubnetPoolRow): Promise<void> {
  if ((await takenFrom(tx, row.id)).length > 0) {
    throw neutronError(
      'badRequest',
      'SubnetPoolDeleteError',
      `Unable to delete subnet pool: Subnet pool ${row.id} has existing allocations.`,
    )
  }
  await deleteSubnetPool(tx, row.id)
  await deleteSharesOf(tx, row.id)
}

/** Neutron gives the lengths as text; clients know. */
function poolView(row: SubnetPoolRow): View {
  return {
    ...standardView(row),
    prefixes: fromJson<string[]>(row.prefixes),
    ip_version: row.version,
    default_prefixlen: String(row.default_len),
    min_prefixlen: String(row.min_len),
    max_prefixlen: String(row.max_len),
    default_quota: row.quota,
    is_default: row.is_default === 1,
    shared: row.is_shared === 1,
    address_scope_id: row.scope_id,
    tags: tagsOf(row),
  }
}
