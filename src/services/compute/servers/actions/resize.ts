import { Type } from 'typebox'
import { toJson, inTx } from '../../../../kernel/db/db.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { checkServerQuota } from '../../quotas/check.ts'
import { begin, changeAtOnce, serverFor } from '../act.ts'
import { DiskConfig, FlavorRef } from '../create-schema.ts'
import { flavorFor } from '../create-checks.ts'
import { limitsOfFlavor } from '../limits.ts'
import { flavorColumns } from '../store.ts'
import { serverAction } from './server-action.ts'

const Resize = Type.Object({ flavorRef: FlavorRef, 'OS-DCF:diskConfig': Type.Optional(DiskConfig) }, { additionalProperties: false })

/** Other limits on the running container: nothing stops, nothing moves. As in Nova the user then confirms or goes back. */
export function resizeActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('resize'), policy: 'os_compute_api:servers:resize', body: Resize, status: 202,
      handle: async (ctx, { params, body }) => {
        const live = await serverFor(ctx, deps, params.id, 'resize')
        const { server } = live
        const flavor = await flavorFor(ctx, body.flavorRef)
        if (flavor.id === server.flavor.id) throw cloudError('badRequest', 'When resizing, instances must change flavor!')
        if (flavor.diskGiB === 0 && server.flavor.diskGiB > 0) throw cloudError('badRequest', 'Resize to zero disk flavor is not allowed.')
        await inTx(ctx, async (tx) => {
          const more = (now: number, then: number): number => Math.max(then - now, 0)
          await checkServerQuota(tx, server.projectId, { instances: 0, cores: more(server.vcpus, flavor.vcpus), ramMiB: more(server.ramMiB, flavor.ramMiB) })
          await begin(tx, deps, live, {
            action: 'resize', kind: 'resize', change: { limits: limitsOfFlavor(flavor), diskGiB: flavor.diskGiB },
            row: {
              ...flavorColumns(flavor), previous_flavor: toJson(server.flavor),
              ...(body['OS-DCF:diskConfig'] === undefined ? {} : { disk_config: body['OS-DCF:diskConfig'] }),
            },
          })
        })
      },
    }),
    route({
      ...serverAction('confirmResize'), policy: 'os_compute_api:servers:confirm_resize', body: Type.Unknown(), status: 204,
      handle: async (ctx, { params }) => {
        const { server } = await serverFor(ctx, deps, params.id, 'confirmResize')
        await changeAtOnce(ctx, server, 'confirmResize', { state: 'normal', task: null, previous_flavor: null })
      },
    }),
    route({
      ...serverAction('revertResize'), policy: 'os_compute_api:servers:revert_resize', body: Type.Unknown(), status: 202,
      handle: async (ctx, { params }) => {
        const live = await serverFor(ctx, deps, params.id, 'revertResize')
        const flavor = live.server.previousFlavor
        if (flavor === undefined) throw cloudError('conflict', `Instance ${params.id} has no flavor to go back to.`)
        await begin(ctx, deps, live, {
          action: 'revertResize', kind: 'revert', change: { limits: limitsOfFlavor(flavor), diskGiB: flavor.diskGiB },
          row: { ...flavorColumns(flavor), previous_flavor: null },
        })
      },
    }),
  ]
}
