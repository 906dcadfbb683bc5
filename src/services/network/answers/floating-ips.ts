import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import type { FloatingIpInfo, NetworkFace } from '../face.ts'
import { neutronError } from '../fault.ts'
import { dropFloatingIp } from '../floating-ips/effects.ts'
import { createFloatingIp, updateFloatingIp } from '../floating-ips/routes.ts'
import type { FloatingIpRow } from '../floating-ips/schema.ts'
import { floatingIpSpec, getFloatingIp } from '../floating-ips/store.ts'
import type { NetworkRow } from '../networks/schema.ts'
import { networkSpec } from '../networks/store.ts'
import { portsById } from '../ports/store.ts'
import { mustOwn } from '../standard/access.ts'
import { listQuery } from '../standard/query.ts'
import { listRows, rowsBy } from '../standard/store.ts'
import { networkNames } from './store.ts'

/** Floating IPs, for Nova's old proxies. */
export function floatingIpAnswers(): Pick<
  NetworkFace,
  'listFloatingIps' | 'createFloatingIp' | 'deleteFloatingIp' | 'associateFloatingIp'
> {
  return {
    listFloatingIps: async (ctx) =>
      await infos(
        ctx,
        await rowsBy<FloatingIpRow>(ctx, floatingIpSpec, 'project_id', [projectOf(ctx)]),
      ),
    createFloatingIp: async (ctx, pool) =>
      await inTx(ctx, async (tx) => {
        const id = await createFloatingIp(
          tx,
          { floating_network_id: await poolOf(tx, pool), description: '' },
          projectOf(tx),
        )
        const [info] = await infos(tx, [await getFloatingIp(tx, id)])
        if (info === undefined) throw new Error(`floating IP ${id} vanished while it was made`)
        return info
      }),
    deleteFloatingIp: async (ctx, id) =>
      await inTx(ctx, async (tx) => await dropFloatingIp(tx, await mine(tx, id))),
    associateFloatingIp: async (ctx, id, portId, fixedAddress) =>
      await inTx(ctx, async (tx) => {
        await updateFloatingIp(tx, await mine(tx, id), {
          port_id: portId,
          ...(fixedAddress === undefined ? {} : { fixed_ip_address: fixedAddress }),
        })
      }),
  }
}

async function mine(tx: Ctx, id: string): Promise<FloatingIpRow> {
  const row = await getFloatingIp(tx, id)
  mustOwn(tx, row, 'update_floatingip')
  return row
}

/** The external network by id or name; without a name the default one, or the first. */
async function poolOf(ctx: Ctx, idOrName: string | undefined): Promise<string> {
  const pools = await listRows<NetworkRow>(
    ctx,
    networkSpec,
    listQuery(new URLSearchParams({ 'router:external': 'true' }), networkSpec),
  )
  const pool =
    idOrName === undefined
      ? (pools.find(({ is_default }) => is_default === 1) ?? pools[0])
      : (pools.find(({ id }) => id === idOrName) ?? pools.find(({ name }) => name === idOrName))
  if (pool === undefined)
    throw neutronError(
      'notFound',
      'NetworkNotFound',
      idOrName === undefined
        ? 'There is no external network.'
        : `Floating IP pool ${idOrName.slice(0, 255)} could not be found.`,
    )
  return pool.id
}

async function infos(ctx: Ctx, rows: readonly FloatingIpRow[]): Promise<readonly FloatingIpInfo[]> {
  if (rows.length === 0) return []
  const networks = await networkNames(ctx, [...new Set(rows.map(({ network_id }) => network_id))])
  const ports = new Map(
    (
      await portsById(
        ctx,
        rows.flatMap(({ port_id }) => port_id ?? []),
      )
    ).map((port) => [port.id, port.device_id]),
  )
  return rows.map((row) => ({
    id: row.id,
    address: row.address,
    networkId: row.network_id,
    networkName: networks.get(row.network_id) ?? '',
    portId: row.port_id,
    fixedAddress: row.fixed_address,
    deviceId: ports.get(row.port_id ?? '') ?? null,
  }))
}
