import { createHash } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { linksOf } from '../wire/links.ts'
import { ruleOf } from '../wire/policy.ts'

/** What hosts have and what of it is in use, for the operator. */
export function hostRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/hosts',
      since: '1.4',
      policy: ruleOf('host:get_all'),
      summary: 'List hosts',
      handle: async (ctx, req) => ({ hosts: [await hostView(ctx, deps, req)], next: null }),
    }),
    route({
      method: 'GET',
      path: '/v1/hosts/:id',
      since: '1.4',
      policy: ruleOf('host:get'),
      params: Type.Object({ id: Type.String() }),
      summary: 'Show a host',
      handle: async (ctx, req) => {
        const { id } = req.params
        if (id !== deps.hostName && id !== hostUuid(deps.hostName))
          throw cloudError('notFound', `Compute host ${id.slice(0, 255)} could not be found.`, {
            code: 'compute-node-not-found',
          })
        return await hostView(ctx, deps, req)
      },
    }),
  ]
}

async function hostView(ctx: Ctx, deps: ContainerDeps, req: Req): Promise<Record<string, unknown>> {
  const info = await deps.workload.hostInfo(ctx)
  const uuid = hostUuid(deps.hostName)
  return {
    uuid,
    links: linksOf(req, 'hosts', uuid),
    hostname: deps.hostName,
    mem_total: info.memoryMiB,
    mem_used: info.usedMemoryMiB,
    cpus: info.vcpus,
    cpu_used: info.usedVcpus,
    disk_total: info.diskGiB,
    disk_used: info.usedDiskGiB,
    // the engine's storage does not hold containers to their size: it is counted, not enforced
    disk_quota_supported: false,
    total_containers: info.running,
    architecture: info.architecture,
    os: info.os,
    os_type: info.osType,
    kernel_version: info.kernelVersion,
    labels: info.labels,
    runtimes: info.runtimes,
    ...(atLeast(req.version, '1.29') ? { enable_cpu_pinning: false } : {}),
  }
}

/** The same for ever for the same host: clients keep it. */
export function hostUuid(hostName: string): string {
  const hex = createHash('sha256').update(`stackyard container host ${hostName}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
