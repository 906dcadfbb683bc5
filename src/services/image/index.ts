import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import type { ImageStore } from '../../ports/image-store.ts'
import { bootstrapImages, type ImageSettings } from './bootstrap.ts'
import { blobReconciler } from './data/blobs.ts'
import { dataRoutes } from './data/routes.ts'
import { Writing } from './data/writing.ts'
import type { ImageFace } from './face.ts'
import { imageFault } from './fault.ts'
import { LocalImages } from './image-face.ts'
import { imageRoutes } from './images/routes.ts'
import { defaultDownloadRules, type DownloadRules } from './import/download.ts'
import { importReconciler } from './import/reconcile.ts'
import { importRoutes } from './import/routes.ts'
import { infoRoutes } from './info/routes.ts'
import { memberRoutes } from './members/routes.ts'
import { definitionRoutes } from './metadefs/definitions.ts'
import { definitionListRoutes } from './metadefs/lists.ts'
import { namespaceRoutes } from './metadefs/namespaces.ts'
import { resourceTypeRoutes } from './metadefs/resource-types.ts'
import { images } from './migrations/001-images.ts'
import { metadefs } from './migrations/002-metadefs.ts'
import { policies } from './policies.ts'
import { defaultQuota, type Quota } from './quota.ts'
import { schemaRoutes } from './schemas/routes.ts'
import { strictly } from './strict.ts'
import { tagRoutes } from './tags/routes.ts'
import { taskRoutes } from './tasks/routes.ts'
import { versionRoutes } from './versions.ts'

export interface ImageDeps {
  readonly store: ImageStore
  /** Per project. */
  readonly quota?: Partial<Quota>
  /** Where web-download may go. */
  readonly download?: DownloadRules
  /** The region that clients name to copy from an image of this cloud. */
  readonly region?: string
}

/** Routes that need the database only. */
const plainRoutes = [
  ...versionRoutes,
  ...tagRoutes,
  ...memberRoutes,
  ...taskRoutes,
  ...schemaRoutes,
  ...namespaceRoutes,
  ...definitionRoutes,
  ...definitionListRoutes,
  ...resourceTypeRoutes,
]

/**
 * image (Glance v2): images from `queued` to `active` and away, who sees them, how their bytes come in; metadata definitions.
 * Owns the tables image_*; asks the image store for bytes and no other service for anything.
 */
export function createImage(deps: ImageDeps): {
  readonly definition: ServiceDefinition
  readonly face: ImageFace
  bootstrap(ctx: Ctx, settings: ImageSettings): Promise<void>
} {
  const { store } = deps
  const quota: Quota = { ...defaultQuota, ...deps.quota }
  const download = deps.download ?? defaultDownloadRules
  const writing = new Writing({ store, quota })
  const storeId = store.kind
  const routes = [
    ...imageRoutes({ storeId, quota }),
    ...dataRoutes({ store, writing }),
    ...importRoutes({ storeId, download }),
    ...infoRoutes({ storeId, quota }),
    ...plainRoutes,
  ]
  const definition: ServiceDefinition = {
    name: 'image',
    mount: '/image',
    routes: routes.map(strictly),
    policies,
    migrations: [images, metadefs],
    reconcilers: [
      blobReconciler(store),
      writing.reconciler(),
      importReconciler({ store, quota, download, region: deps.region ?? 'RegionOne' }),
    ],
    fault: imageFault,
  }
  return {
    definition,
    face: new LocalImages({ store, quota, writing }),
    bootstrap: async (ctx, settings) => await bootstrapImages(ctx, writing, settings),
  }
}
