import { must } from '../../../kernel/ctx/ctx.ts'
import type { ComputeDeps } from '../deps.ts'
import type { ComputeFace, ServerInfo, ServerTurn } from '../face.ts'
import { turnServer } from './actions/power.ts'
import type { Server } from './schema.ts'
import { findServer, listServers } from './store.ts'

const POLICIES: Readonly<Record<ServerTurn, string>> = {
  start: 'servers:start',
  stop: 'servers:stop',
  reboot: 'servers:reboot',
  pause: 'os-pause-server:pause',
  unpause: 'os-pause-server:unpause',
}

/** Servers, as services to the right know them. */
export function serverAnswers(
  deps: ComputeDeps,
): Pick<ComputeFace, 'describeServer' | 'listServers' | 'turnServer'> {
  return {
    async describeServer(ctx, id) {
      const server = await findServer(ctx, id)
      return server === undefined ? undefined : infoOf(server)
    },
    async listServers(ctx, projectId) {
      const servers = await listServers(ctx, {
        deleted: 'no',
        equals: {},
        tags: [],
        ...(projectId === undefined ? {} : { projectId }),
      })
      return servers.map(infoOf).toReversed()
    },
    async turnServer(ctx, id, verb) {
      must(ctx, `os_compute_api:${POLICIES[verb]}`)
      await turnServer(ctx, deps, id, verb)
    },
  }
}

function infoOf(server: Server): ServerInfo {
  return {
    id: server.id,
    name: server.name,
    projectId: server.projectId,
    userId: server.userId,
    imageId: server.imageId,
    hostname: server.hostname,
    host: server.host,
    zone: server.zone,
    vcpus: server.vcpus,
    memoryMiB: server.ramMiB,
    diskGiB: server.flavor.diskGiB,
    metadata: server.metadata,
    fault: server.fault?.message ?? null,
    createdAt: server.createdAt,
    updatedAt: server.updatedAt,
  }
}
