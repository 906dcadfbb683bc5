import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { invalidInput } from '../../fault.ts'
import type { PortRow } from '../../ports/schema.ts'
import type { PublishedPort, PublishedPortWish } from '../../published-ports/choose.ts'
import { publishPorts } from '../../published-ports/publish.ts'
import { tagsOf } from '../../standard/store.ts'
import { asTenant, type PluginDeps } from '../deps.ts'
import { exposedGroupName, isPublishedTag, publishedTag } from '../names.ts'
import { exposedPorts, portBindings, type ExposedPort, type PortBinding } from '../options.ts'
import type { OptionMap } from '../payloads.ts'
import { rangesOf } from './ranges.ts'
import { updateEndpoint } from './store.ts'
import { findDockerNetwork } from '../networks/store.ts'
import type { EndpointTable } from '../tables.ts'

/** `--expose` opens ports to everybody by a security group of their own; `-p` leads ports of the host to the container. */

const protocols: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' }

export async function openExposed(
  ctx: Ctx,
  deps: PluginDeps,
  row: EndpointTable,
  options: OptionMap,
): Promise<void> {
  const wishes = portBindings(options).map(publishedWish)
  const published = await publishPorts(ctx, deps.engine, row.port_id, wishes)
  await inTx(ctx, async (tx) => {
    await tell(tx, deps, row.port_id, published)
    if (row.exposed_group === null) await expose(tx, deps, row, exposedPorts(options))
  })
}

function publishedWish(binding: PortBinding): PublishedPortWish {
  const protocol = protocols[binding.proto]
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw invalidInput(`only TCP and UDP ports can be published, not ${protocol ?? binding.proto}.`)
  return {
    protocol,
    port: binding.port,
    hostAddress: binding.hostAddress,
    hostPort: binding.hostPort,
    hostPortEnd: binding.hostPortEnd,
  }
}

/** `docker port` knows nothing of ports that a driver publishes, so the port itself tells. */
async function tell(
  tx: Ctx,
  { neutron }: PluginDeps,
  portId: string,
  published: readonly PublishedPort[],
): Promise<void> {
  const port = await neutron.find<PortRow>(asCloud(tx), 'port', portId)
  if (port === undefined) return
  const others = tagsOf(port).filter((tag) => !isPublishedTag(tag))
  const tags = [...others, ...published.map(publishedTag)].slice(0, 50)
  if (tags.length !== others.length || others.length !== tagsOf(port).length)
    await neutron.replaceTags(asCloud(tx), 'port', portId, tags)
}

async function expose(
  tx: Ctx,
  deps: PluginDeps,
  row: EndpointTable,
  ports: readonly ExposedPort[],
): Promise<void> {
  const ranges = rangesOf(ports.filter(({ proto }) => protocols[proto] !== undefined))
  const port = await deps.neutron.get<PortRow>(asCloud(tx), 'port', row.port_id)
  if (ranges.length === 0 || port.port_security === 0) return
  const network = await findDockerNetwork(tx, row.docker_network)
  const projectId = network?.project_id ?? port.project_id
  const tenant = asTenant(tx, projectId)
  const group = await deps.neutron.create(
    tenant,
    'security_group',
    { name: exposedGroupName(row.port_id), description: 'Ports that docker run --expose opens' },
    projectId,
  )
  const six = await hasIpv6(tx, deps, row.port_id)
  for (const ethertype of six ? ['IPv4', 'IPv6'] : ['IPv4'])
    for (const { proto, first, last } of ranges)
      await deps.neutron.create(
        tenant,
        'security_group_rule',
        {
          security_group_id: group,
          direction: 'ingress',
          ethertype,
          protocol: protocols[proto],
          ...(proto === 1 ? {} : { port_range_min: first, port_range_max: last }),
        },
        projectId,
      )
  await changeGroups(tx, deps, row.port_id, (had) => [...had, group])
  await updateEndpoint(tx, row.id, { exposed_group: group })
}

async function hasIpv6(tx: Ctx, { neutron }: PluginDeps, portId: string): Promise<boolean> {
  const view = await neutron.view(asCloud(tx), 'port', portId)
  const list = (view?.['fixed_ips'] ?? []) as readonly { ip_address: string }[] // a port's view has them
  return list.some(({ ip_address }) => ip_address.includes(':'))
}

async function changeGroups(
  tx: Ctx,
  { neutron }: PluginDeps,
  portId: string,
  change: (had: readonly string[]) => readonly string[],
): Promise<void> {
  const view = await neutron.view(asCloud(tx), 'port', portId)
  if (view === undefined) return
  const had = view['security_groups'] as string[] // a port's view has them
  await neutron.update(asCloud(tx), 'port', portId, { security_groups: change(had) })
}

/** The group that was made for the exposed ports goes. Published ports are closed by `closePublished`, which needs the engine. */
export async function closeExposed(tx: Ctx, deps: PluginDeps, row: EndpointTable): Promise<void> {
  await tell(tx, deps, row.port_id, [])
  const group = row.exposed_group
  if (group === null) return
  await changeGroups(tx, deps, row.port_id, (had) => had.filter((id) => id !== group))
  await deps.neutron.remove(asCloud(tx), 'security_group', group)
  await updateEndpoint(tx, row.id, { exposed_group: null })
}

export async function closePublished(
  ctx: Ctx,
  deps: PluginDeps,
  row: EndpointTable,
): Promise<void> {
  await publishPorts(ctx, deps.engine, row.port_id, [])
}
