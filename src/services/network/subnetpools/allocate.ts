import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { formatCidr, lastOf, overlaps, parseCidr, sizeOf, type Cidr } from '../addressing/cidr.ts'
import { carve } from '../addressing/pools.ts'
import { badRequest, neutronError } from '../fault.ts'
import type { SubnetPoolRow } from './schema.ts'
import { defaultPoolOf, getSubnetPool, takenFrom } from './store.ts'

export interface PrefixWish {
  readonly version: 4 | 6
  readonly projectId: string
  readonly cidr?: Cidr
  readonly prefixlen?: number
}

/** A piece of the pool, the one asked for or the lowest free one, without overlap and within the project's quota. */
export async function allocatePrefix(tx: Ctx, poolId: string, wish: PrefixWish): Promise<Cidr> {
  const pool = await getSubnetPool(tx, poolId)
  if (pool.version !== wish.version)
    throw badRequest(`Bad subnets request: the subnet pool has IP version ${pool.version}.`)
  const length = wish.cidr?.prefix ?? wish.prefixlen ?? pool.default_len
  checkLength(pool, length)
  const taken = await takenFrom(tx, poolId)
  const used = cidrs(taken.map(({ cidr }) => cidr))
  const own = cidrs(
    taken.filter(({ project_id }) => project_id === wish.projectId).map(({ cidr }) => cidr),
  )
  checkQuota(pool, own, length)
  const prefixes = cidrs(fromJson<string[]>(pool.prefixes))
  const piece =
    wish.cidr === undefined ? carve(prefixes, used, length) : fits(wish.cidr, prefixes, used)
  if (piece !== undefined) return piece
  const what =
    wish.cidr === undefined
      ? `Insufficient prefix space to allocate subnet size /${length}`
      : `Cannot allocate requested subnet ${formatCidr(wish.cidr)} from the available set of prefixes`
  throw neutronError(
    wish.cidr === undefined ? 'conflict' : 'badRequest',
    'SubnetAllocationError',
    `Failed to allocate subnet: ${what}.`,
  )
}

export async function defaultPool(ctx: Ctx, version: 4 | 6): Promise<string> {
  const id = await defaultPoolOf(ctx, version)
  if (id !== undefined) return id
  throw badRequest(`Bad subnets request: there is no default subnetpool for IPv${version}.`)
}

const cidrs = (texts: readonly string[]): Cidr[] => texts.flatMap((text) => parseCidr(text) ?? [])

function fits(cidr: Cidr, prefixes: readonly Cidr[], used: readonly Cidr[]): Cidr | undefined {
  const inside = prefixes.some(
    (prefix) =>
      overlaps(prefix, cidr) &&
      prefix.base.value <= cidr.base.value &&
      lastOf(cidr) <= lastOf(prefix),
  )
  return inside && !used.some((other) => overlaps(other, cidr)) ? cidr : undefined
}

function checkLength(pool: SubnetPoolRow, length: number): void {
  if (length < pool.min_len) {
    throw neutronError(
      'badRequest',
      'MinPrefixSubnetAllocationError',
      `Unable to allocate subnet with prefix length ${length}, minimum allowed prefix is ${pool.min_len}.`,
    )
  }
  if (length > pool.max_len) {
    throw neutronError(
      'badRequest',
      'MaxPrefixSubnetAllocationError',
      `Unable to allocate subnet with prefix length ${length}, maximum allowed prefix is ${pool.max_len}.`,
    )
  }
}

/** The quota counts addresses in IPv4 and /64s in IPv6. */
function checkQuota(pool: SubnetPoolRow, own: readonly Cidr[], length: number): void {
  if (pool.quota === null) return
  const units = (size: bigint): bigint => (pool.version === 4 ? size : size >> 64n)
  const bits = pool.version === 4 ? 32 : 128
  const total = own.reduce(
    (sum, cidr) => sum + units(sizeOf(cidr)),
    units(1n << BigInt(bits - length)),
  )
  if (total > BigInt(pool.quota))
    throw neutronError(
      'conflict',
      'SubnetPoolQuotaExceeded',
      'Per-tenant subnet pool prefix quota exceeded.',
    )
}
