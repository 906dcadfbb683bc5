import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { RegistryAuth } from '../../../ports/engine-images.ts'
import type { ContainerDeps } from '../deps.ts'
import { findRegistries } from '../registries/store.ts'
import type { Container } from './schema.ts'
import { findContainer } from './store.ts'

/** Domain of the registry that a container's image comes from; undefined when it names none. */
export async function domainOf(ctx: Ctx, container: Container): Promise<string | undefined> {
  if (container.registryId === null) return undefined
  return (await findRegistries(ctx, container.registryId, 'all'))[0]?.domain
}

/** With what name and password a container's image is fetched. */
export async function credentialsOf(
  ctx: Ctx,
  deps: ContainerDeps,
  containerId: string,
): Promise<RegistryAuth | undefined> {
  const container = await findContainer(ctx, containerId)
  if (container === undefined || container.registryId === null) return undefined
  const [registry] = await findRegistries(ctx, container.registryId, 'all')
  if (registry === undefined || registry.username === null || registry.password === null)
    return undefined
  const { domain: server, username } = registry
  return { server, username, password: deps.secrets.open(registry.password) }
}
