import { can, projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import type { ServerInfo } from '../../compute/face.ts'
import type { ContainerDeps } from '../deps.ts'
import type { Container } from './schema.ts'
import type { Scope } from './store.ts'

/** Servers as containers: the same workloads in the other tongue. */
export async function listServers(
  ctx: Ctx,
  deps: ContainerDeps,
  scope: Scope,
): Promise<readonly Container[]> {
  const servers = await deps.compute.listServers(ctx, scope === 'all' ? undefined : scope.projectId)
  return servers.map(asContainer)
}

/** A server by its id, for verbs that make sense on it. Its name is not enough: containers come first there. */
export async function findServer(
  ctx: Ctx,
  deps: ContainerDeps,
  id: string,
  scope?: Scope,
): Promise<Container | undefined> {
  if (!UUID.test(id)) return undefined
  const server = await deps.compute.describeServer(ctx, id)
  if (server === undefined) return undefined
  const mine = scope === 'all' ? can(ctx, 'admin') : server.projectId === projectOf(ctx)
  return mine ? asContainer(server) : undefined
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

function asContainer(server: ServerInfo): Container {
  return {
    ...sameForAll,
    id: server.id,
    projectId: server.projectId,
    userId: server.userId,
    name: server.name,
    image: server.imageId,
    cpu: server.vcpus,
    memoryMiB: server.memoryMiB,
    diskGiB: server.diskGiB,
    labels: server.metadata,
    hostname: server.hostname,
    zone: server.zone,
    host: server.host,
    fault: server.fault,
    createdAt: server.createdAt,
    updatedAt: server.updatedAt,
  }
}

/** What a server never has, or always. */
const sameForAll = {
  kind: 'server',
  imageDriver: 'glance',
  imagePullPolicy: null,
  registryId: null,
  command: null,
  entrypoint: null,
  cpuPolicy: 'shared',
  environment: {},
  workdir: null,
  interactive: true,
  tty: true,
  restartPolicy: { Name: 'no', MaximumRetryCount: '0' },
  healthcheck: null,
  autoRemove: false,
  autoHeal: true,
  privileged: false,
  runtime: null,
  hints: {},
  mounts: [],
  exposedPorts: [],
  publishedPorts: {},
  securityGroups: undefined,
  ownGroupId: null,
  capsuleId: null,
  capsuleRole: null,
  capsulePlace: 0,
  sandboxOf: null,
  volumes: [],
  task: undefined,
} as const
