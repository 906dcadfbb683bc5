import { Type } from '../../../kernel/schema/type.ts'
import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { usageOf } from '../images/store.ts'
import { IMPORT_METHODS } from '../import/schema.ts'
import type { Quota } from '../quota.ts'

interface Deps {
  readonly storeId: string
  readonly quota: Quota
}

const MIB = 1024 * 1024
const StoreImage = Type.Object({ store: Type.String(), id: Type.String() })

/** Discovery: how images come in, where they lie, how much room there is. One store, so nothing can be moved out of it. */
export function infoRoutes({ storeId, quota }: Deps): readonly Route[] {
  const usageRoute = route({
    method: 'GET',
    path: '/v2/info/usage',
    policy: 'get_images',
    summary: "Shows the project's usage and limits",
    handle: async (ctx) => await usage(ctx, quota),
  })
  return [importRoute, usageRoute, ...storeRoutes(storeId)]
}

const importRoute = route({
  method: 'GET',
  path: '/v2/info/import',
  policy: 'get_images',
  summary: 'Shows the import methods',
  handle: async () =>
    await Promise.resolve({
      'import-methods': {
        description: 'Import methods available.',
        type: 'array',
        value: IMPORT_METHODS,
      },
    }),
})

function storeRoutes(storeId: string): readonly Route[] {
  const store = { id: storeId, description: 'Image data of this cloud', default: 'true' }
  return [
    route({
      method: 'GET',
      path: '/v2/info/stores',
      policy: 'get_images',
      summary: 'Lists the stores',
      handle: async () => await Promise.resolve({ stores: [store] }),
    }),
    route({
      method: 'GET',
      path: '/v2/info/stores/detail',
      policy: 'stores_info_detail',
      summary: 'Lists the stores in detail',
      handle: async () =>
        await Promise.resolve({
          stores: [{ ...store, type: 'file', weight: 0, properties: { thin_provisioning: false } }],
        }),
    }),
    route({
      method: 'DELETE',
      path: '/v2/stores/:store/:id',
      policy: 'delete_image_location',
      params: StoreImage,
      summary: 'Refused: the only copy cannot be removed',
      handle: async (_ctx, { params }) => {
        if (params.store !== storeId)
          throw cloudError('notFound', `There is no store '${params.store.slice(0, 80)}'.`)
        throw cloudError('forbidden', 'Cannot delete the only copy of an image: delete the image.')
      },
    }),
  ]
}

async function usage(ctx: Ctx, quota: Quota): Promise<Record<string, unknown>> {
  const { images, bytes, stagedBytes, uploading } = await usageOf(ctx, projectOf(ctx))
  return {
    usage: {
      image_size_total: { usage: Math.ceil(bytes / MIB), limit: Math.floor(quota.bytes / MIB) },
      image_count_total: { usage: images, limit: quota.images },
      image_stage_total: {
        usage: Math.ceil(stagedBytes / MIB),
        limit: Math.floor(quota.bytes / MIB),
      },
      image_count_uploading: { usage: uploading, limit: quota.images },
    },
  }
}
