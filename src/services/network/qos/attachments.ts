import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { nudgePluggedPorts } from '../ports/effects.ts'
import { addition, type Addition } from '../standard/addition.ts'
import { text } from '../standard/list-spec.ts'
import { IdOrNull, type StandardRow, type View } from '../standard/schema.ts'
import { mustSuitPorts, nextPolicy } from './choose.ts'
import { defaultPolicyOf, policiesOfNetworks, routersHeeding, setPolicy } from './store.ts'

type Governed = StandardRow & { readonly qos_policy: string | null }
type InNetwork = Governed & { readonly network_id: string }

const attributes = { qos_policy_id: Type.Optional(IdOrNull) }
const columns = { qos_policy_id: text('qos_policy') }

/** `qos_policy_id` of networks, ports and floating addresses. A router's gateway has it among its own attributes. */
export const attachments: readonly Addition[] = [ofNetworks(), ofPorts(), ofFloatingIps()]

function ofNetworks(): Addition {
  return addition<Governed, typeof attributes>({
    to: 'network',
    attributes,
    columns,
    async created(tx, row, { qos_policy_id: asked }) {
      const policy =
        (await nextPolicy(tx, null, asked)) ?? (await defaultPolicyOf(tx, row.project_id))
      if (policy !== undefined) await setPolicy(tx, 'net_networks', row.id, policy)
    },
    async changed(tx, row, { qos_policy_id: asked }) {
      const policy = await nextPolicy(tx, row.qos_policy, asked)
      if (policy === undefined) return
      await setPolicy(tx, 'net_networks', row.id, policy)
      await mustSuitPorts(tx, policy)
      await nudgePluggedPorts(tx, row.id)
      for (const id of await routersHeeding(tx, row.id)) await nudge(tx, kinds.router, id)
    },
    views: async (_ctx, rows) =>
      await Promise.resolve(rows.map((row) => ({ qos_policy_id: row.qos_policy }))),
  })
}

function ofPorts(): Addition {
  return addition<InNetwork, typeof attributes>({
    to: 'port',
    attributes,
    columns,
    async created(tx, row, { qos_policy_id: asked }) {
      const policy = await nextPolicy(tx, null, asked)
      if (policy !== undefined) await setPolicy(tx, 'net_ports', row.id, policy)
      const inherited = (await policiesOfNetworks(tx, [row.network_id])).get(row.network_id)
      await mustSuitPorts(tx, policy ?? inherited ?? null, row.id)
    },
    async changed(tx, row, { qos_policy_id: asked }) {
      const policy = await nextPolicy(tx, row.qos_policy, asked)
      if (policy === undefined) return
      await setPolicy(tx, 'net_ports', row.id, policy)
      await mustSuitPorts(tx, policy, row.id)
    },
    views: withNetworks,
  })
}

function ofFloatingIps(): Addition {
  return addition<InNetwork & { readonly router_id: string | null }, typeof attributes>({
    to: 'floatingip',
    attributes,
    columns,
    async created(tx, row, { qos_policy_id: asked }) {
      const policy = await nextPolicy(tx, null, asked)
      if (policy !== undefined) await setPolicy(tx, 'net_floating_ips', row.id, policy)
    },
    async changed(tx, row, { qos_policy_id: asked }) {
      const policy = await nextPolicy(tx, row.qos_policy, asked)
      if (policy === undefined) return
      await setPolicy(tx, 'net_floating_ips', row.id, policy)
      if (row.router_id !== null) await nudge(tx, kinds.router, row.router_id)
    },
    views: withNetworks,
  })
}

async function withNetworks(ctx: Ctx, rows: readonly InNetwork[]): Promise<readonly View[]> {
  const inherited = await policiesOfNetworks(
    ctx,
    rows.map((row) => row.network_id),
  )
  return rows.map((row) => ({
    qos_policy_id: row.qos_policy,
    qos_network_policy_id: inherited.get(row.network_id) ?? null,
  }))
}
