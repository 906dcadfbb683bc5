import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { canonicalIp } from '../../addressing/address.ts'
import { addressesOf, moveAddress } from '../../addresses/store.ts'
import { invalidInput, neutronError } from '../../fault.ts'
import { DOCKER_OWNER } from '../../kinds.ts'
import type { PortRow } from '../../ports/schema.ts'
import { portWithAddress } from '../../ports/store.ts'
import { isAuto } from '../../subnets/schema.ts'
import { subnetsById } from '../../subnets/store.ts'
import { asTenant, type PluginDeps } from '../deps.ts'
import { OWN_PORT_TAG, UNBOUND_PORT } from '../names.ts'
import type { Payload } from '../payloads.ts'
import { findAddress, poolsOf, updateAddress } from '../addresses/store.ts'
import type { AddressTable, DockerNetworkTable, PoolTable } from '../tables.ts'

type Interface = Payload<'NetworkDriver.CreateEndpoint'>['Interface']

interface Held {
  readonly pool: PoolTable
  readonly address: string
  /** Undefined when Docker chose the address itself. */
  readonly row: AddressTable | undefined
}

/** The one port that has all addresses of the container; `made` tells whether it was made for it. */
export async function portFor(
  tx: Ctx,
  deps: PluginDeps,
  network: DockerNetworkTable,
  face: Interface,
): Promise<{ readonly portId: string; readonly made: boolean }> {
  const held = await heldBy(tx, network, face)
  const reserved = held.flatMap(({ row }) => (row?.port_id == null ? [] : [row]))
  if (reserved.length < held.length) return await adopt(tx, deps, network, held)
  const base = await baseOf(tx, deps, reserved)
  if (base === undefined) throw invalidInput('a container in this network needs an address.')
  for (const row of reserved)
    if (row.port_id !== base.port_id) await merge(tx, deps, network.network_id, row, base)
  return { portId: base.port_id, made: base.made === 1 }
}

/** Docker asks for each address by itself; the network's pools tell which are meant. */
async function heldBy(tx: Ctx, network: DockerNetworkTable, face: Interface): Promise<Held[]> {
  const pools = await poolsOf(tx, network.id)
  const texts = { 4: face.Address, 6: face.AddressIPv6 } as const
  const held: Held[] = []
  for (const version of [4, 6] as const) {
    const address = canonicalIp(texts[version].split('/')[0] ?? '')
    if (address === undefined) continue
    const candidates = pools.filter((pool) => pool.version === version)
    let found: Held | undefined
    for (const pool of candidates) {
      const row = await findAddress(tx, pool.id, address)
      if (row?.kind === 'guest') found = { pool, address, row }
    }
    const [first] = candidates
    if (found === undefined && first !== undefined) found = { pool: first, address, row: undefined }
    if (found !== undefined) held.push(found)
  }
  return held
}

/** An address that we did not give: of a port that waits for a container, or of a new one. */
async function adopt(
  tx: Ctx,
  deps: PluginDeps,
  network: DockerNetworkTable,
  held: readonly Held[],
): Promise<{ readonly portId: string; readonly made: boolean }> {
  const tenant = asTenant(tx, network.project_id)
  const [first] = held
  const port =
    first === undefined ? undefined : await portWithAddress(tx, network.network_id, first.address)
  if (port !== undefined) {
    if (port.device_id === '' && (await deps.neutron.find(tenant, 'port', port.id)) !== undefined)
      return { portId: port.id, made: false }
    throw neutronError(
      'conflict',
      'IpAddressInUse',
      `Address ${first?.address ?? ''} is already in use: port ${port.id} has it.`,
    )
  }
  const portId = await deps.neutron.create(
    tenant,
    'port',
    {
      network_id: network.network_id,
      name: UNBOUND_PORT,
      device_owner: DOCKER_OWNER,
      fixed_ips: held.map(({ pool, address }) => ({
        ...(pool.subnet_id === null ? {} : { subnet_id: pool.subnet_id }),
        ip_address: address,
      })),
      tags: [OWN_PORT_TAG],
    },
    network.project_id,
  )
  return { portId, made: true }
}

type Reserved = AddressTable & { readonly port_id: string }

/** A port that was there before stays itself; one with an automatic address cannot give it up, for it follows from its MAC. */
async function baseOf(
  tx: Ctx,
  deps: PluginDeps,
  rows: readonly AddressTable[],
): Promise<Reserved | undefined> {
  const reserved = rows.flatMap((row) =>
    row.port_id === null ? [] : [{ ...row, port_id: row.port_id }],
  )
  const existing = reserved.filter(({ made }) => made === 0)
  if (new Set(existing.map(({ port_id }) => port_id)).size > 1)
    throw invalidInput('the addresses belong to different ports.')
  const automatic: Reserved[] = []
  for (const row of reserved) if (await isAutomatic(tx, row)) automatic.push(row)
  const [auto] = automatic
  if (existing[0] !== undefined && auto !== undefined && auto.port_id !== existing[0].port_id)
    throw invalidInput(`port ${existing[0].port_id} has an automatic address: give it with --ip6.`)
  const base = existing[0] ?? auto ?? reserved[0]
  if (base !== undefined) await deps.neutron.get(asCloud(tx), 'port', base.port_id)
  return base
}

async function isAutomatic(tx: Ctx, row: Reserved): Promise<boolean> {
  const own = await addressesOf(tx, [row.port_id])
  const subnetId = own.find(({ address }) => address === row.address)?.subnet_id
  const [subnet] = subnetId === undefined ? [] : await subnetsById(tx, [subnetId])
  return subnet !== undefined && isAuto(subnet)
}

/** The address changes hands inside the transaction, then the port it came with is nobody's. */
async function merge(
  tx: Ctx,
  { neutron }: PluginDeps,
  networkId: string,
  row: AddressTable,
  base: Reserved,
): Promise<void> {
  const spare = row.port_id ?? ''
  const position = (await addressesOf(tx, [base.port_id])).length
  await moveAddress(tx, networkId, row.address, { portId: base.port_id, position })
  await updateAddress(tx, row.pool_id, row.address, { port_id: base.port_id, made: base.made })
  await neutron.remove(asCloud(tx), 'port', spare)
  // whoever filters by the addresses of the port's groups hears of the new one
  const port = await neutron.get<PortRow>(asCloud(tx), 'port', base.port_id)
  await neutron.update(asCloud(tx), 'port', port.id, { name: port.name })
}
