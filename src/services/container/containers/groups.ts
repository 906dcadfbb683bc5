import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../kernel/ctx/ctx.ts'
import { cloudError, isCloudError } from '../../../kernel/errors/cloud-error.ts'
import type { ContainerDeps } from '../deps.ts'

/** Id of the group with this id or name; 400 when there is none, because the path of the request is not the group's. */
export async function groupIdOf(ctx: Ctx, deps: ContainerDeps, ident: string): Promise<string> {
  try {
    return (await deps.network.resolveSecurityGroup(ctx, ident)).id
  } catch (error) {
    if (isCloudError(error, 'notFound'))
      throw cloudError('badRequest', `Security group ${ident} not found.`)
    throw error
  }
}

export async function groupIdsOf(
  ctx: Ctx,
  deps: ContainerDeps,
  idents: readonly string[],
): Promise<readonly string[] | undefined> {
  if (idents.length === 0) return undefined
  const ids: string[] = []
  for (const ident of new Set(idents)) ids.push(await groupIdOf(ctx, deps, ident))
  return [...new Set(ids)]
}

/** `8080` → `8080/tcp`; 400 for what is no port. */
export function portKey(text: string): string {
  const [port = '', protocol = 'tcp'] = text.split('/')
  const number = Number(port)
  if (number < 1 || number > 65_535)
    throw cloudError('badRequest', `Port ${text} is not between 1 and 65535.`)
  return `${number}/${protocol}`
}

/** The group `zun-<uuid>` that opens these ports to everybody; it goes with the container. */
export async function openPorts(
  tx: Ctx,
  deps: ContainerDeps,
  containerId: string,
  ports: readonly string[],
): Promise<string> {
  const group = await deps.network.createSecurityGroup(tx, {
    name: `zun-${containerId}`,
    description: `Opens the exposed ports of container ${containerId}; it is removed with it.`,
  })
  for (const key of ports) {
    const [port = '', protocol = 'tcp'] = key.split('/')
    for (const ethertype of ['IPv4', 'IPv6'] as const)
      await deps.network.createSecurityGroupRule(tx, {
        groupId: group.id,
        direction: 'ingress',
        ethertype,
        protocol,
        portMin: Number(port),
        portMax: Number(port),
        remoteCidr: ethertype === 'IPv4' ? '0.0.0.0/0' : '::/0',
        remoteGroupId: null,
      })
  }
  return group.id
}

/** Repeating it is success. A group that somebody put on another port as well stays, and is his from then on. */
export async function dropGroup(ctx: Ctx, deps: ContainerDeps, groupId: string): Promise<void> {
  try {
    await deps.network.deleteSecurityGroup(asCloud(ctx), groupId)
  } catch (error) {
    if (!isCloudError(error, 'notFound') && !isCloudError(error, 'conflict')) throw error
  }
}
