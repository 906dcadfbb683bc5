import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { findByIdent } from '../containers/store.ts'
import type { ContainerDeps } from '../deps.ts'

/** Something that can be entered: a container or a server, which are both workloads of the same id. */
export interface Room {
  readonly id: string
  readonly name: string
  readonly projectId: string
  readonly kind: 'container' | 'server'
}

/** Of all projects; `ctx` is the cloud's own. By id, or by name. */
export async function roomsCalled(
  ctx: Ctx,
  deps: ContainerDeps,
  ident: string,
): Promise<readonly Room[]> {
  const containers = await findByIdent(ctx, ident, 'all')
  const byId = await deps.compute.findServer(ctx, ident)
  const servers = byId === undefined ? await deps.compute.findServersNamed(ctx, ident) : [byId]
  return [
    ...containers.map((one): Room => ({ ...roomOf(one), kind: 'container' })),
    ...servers.map((one): Room => ({ ...roomOf(one), kind: 'server' })),
  ]
}

const roomOf = ({ id, name, projectId }: Omit<Room, 'kind'>): Omit<Room, 'kind'> => ({
  id,
  name,
  projectId,
})
