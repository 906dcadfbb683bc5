import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { bitsOf, formatIp, fromSortKey, sortKey } from '../addressing/address.ts'
import { firstFree, rangesOf, type Pool } from '../addressing/pools.ts'
import { neutronError } from '../fault.ts'
import type { SubnetTable } from '../tables.ts'
import type { Choice } from './choose.ts'
import { insertAddress, lockCursor, setCursor, takenKeys } from './store.ts'

export interface Allocated {
  readonly subnet_id: string
  readonly ip_address: string
}

const LOOK_AHEAD = 64

/** Gives a port its addresses, in order; 409 when one is taken or none is left. Positions count from `position` on. */
export async function allocate(
  tx: Ctx,
  port: { readonly id: string; readonly networkId: string },
  choices: readonly Choice[],
  position = 0,
): Promise<readonly Allocated[]> {
  const given: Allocated[] = []
  for (const choice of choices) {
    const at = position + given.length
    given.push(
      choice.kind === 'this'
        ? await take(tx, port, choice.subnet, choice.address, at)
        : await takeAny(tx, port, choice.subnets, at),
    )
  }
  return given
}

interface Taker {
  readonly id: string
  readonly networkId: string
}

async function take(
  tx: Ctx,
  port: Taker,
  subnet: SubnetTable,
  address: string,
  position: number,
): Promise<Allocated> {
  const row = {
    network_id: port.networkId,
    address,
    port_id: port.id,
    subnet_id: subnet.id,
    position,
  }
  if (await insertAddress(tx, row)) return { subnet_id: subnet.id, ip_address: address }
  throw neutronError(
    'conflict',
    'IpAddressAlreadyAllocated',
    `IP address ${address} already allocated in subnet ${subnet.id}`,
  )
}

async function takeAny(
  tx: Ctx,
  port: Taker,
  subnets: readonly SubnetTable[],
  position: number,
): Promise<Allocated> {
  for (const subnet of subnets) {
    const address = await takeNext(tx, port, subnet, position)
    if (address !== undefined) return { subnet_id: subnet.id, ip_address: address }
  }
  throw neutronError(
    'conflict',
    'IpAddressGenerationFailure',
    `No more IP addresses available on network ${port.networkId}.`,
  )
}

/** Round and round from where the last one was given, so that an address just freed rests before somebody else has it. */
async function takeNext(
  tx: Ctx,
  port: Taker,
  subnet: SubnetTable,
  position: number,
): Promise<string | undefined> {
  const ranges = rangesOf(fromJson<Pool[]>(subnet.pools))
  const cursor = await lockCursor(tx, subnet.id)
  const start = cursor === '' ? 0n : fromSortKey(cursor).value + 1n
  for (const from of start === 0n ? [0n] : [start, 0n]) {
    const address = await search(tx, port, subnet, ranges, from, position)
    if (address !== undefined) return address
  }
  return undefined
}

async function search(
  tx: Ctx,
  port: Taker,
  subnet: SubnetTable,
  ranges: ReturnType<typeof rangesOf>,
  from: bigint,
  position: number,
): Promise<string | undefined> {
  const { version } = subnet
  const top = (1n << BigInt(bitsOf(version))) - 1n
  let at = from
  for (;;) {
    if (at > top) return undefined
    const keys = await takenKeys(tx, subnet.id, sortKey({ version, value: at }), LOOK_AHEAD)
    const taken = keys.map((key) => fromSortKey(key).value)
    const value = firstFree(ranges, at, taken, keys.length < LOOK_AHEAD)
    if (value !== undefined) {
      const address = formatIp({ version, value })
      const row = {
        network_id: port.networkId,
        address,
        port_id: port.id,
        subnet_id: subnet.id,
        position,
      }
      if (await insertAddress(tx, row)) {
        await setCursor(tx, subnet.id, sortKey({ version, value }))
        return address
      }
      at = value + 1n // somebody was faster
    } else {
      const last = taken.at(-1)
      if (last === undefined || keys.length < LOOK_AHEAD) return undefined
      at = last + 1n
    }
  }
}
