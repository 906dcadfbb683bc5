import type { ImageInfo } from '../face.ts'
import type { Image } from './schema.ts'

/** Times on Glance's wire have whole seconds. */
export function wireTime(iso: string): string {
  return `${iso.slice(0, 19)}Z`
}

/** The image as the API shows it: custom properties stand beside the attributes. */
export function imageView(image: Image, storeId: string): Record<string, unknown> {
  const path = `/v2/images/${image.id}`
  const hasData = image.size !== null
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    owner: image.owner,
    protected: image.protected === 1,
    os_hidden: image.os_hidden === 1,
    container_format: image.container_format,
    disk_format: image.disk_format,
    min_disk: image.min_disk,
    min_ram: image.min_ram,
    size: image.size,
    virtual_size: image.virtual_size,
    checksum: image.checksum,
    os_hash_algo: image.sha512 === null ? null : 'sha512',
    os_hash_value: image.sha512,
    tags: image.tags,
    created_at: wireTime(image.created_at),
    updated_at: wireTime(image.updated_at),
    ...(hasData ? { stores: storeId } : {}),
    ...(image.importing_to === null ? {} : { os_glance_importing_to_stores: image.importing_to }),
    ...(image.failed_import === null ? {} : { os_glance_failed_import: image.failed_import }),
    self: path,
    file: `${path}/file`,
    schema: '/v2/schemas/image',
  }
}

/** An image from before SHA-512 was the key keeps the one under which the engine has it. */
function keyOf({ sha256, sha512 }: Image): string | null {
  if (sha256 !== null) return `sha256:${sha256}`
  return sha512 === null ? null : `sha512:${sha512}`
}

/** The image as other services see it. */
export function imageInfo(image: Image): ImageInfo {
  return {
    id: image.id,
    name: image.name ?? '',
    status: image.status,
    visibility: image.visibility,
    projectId: image.owner ?? '',
    protected: image.protected === 1,
    containerFormat: image.container_format,
    diskFormat: image.disk_format,
    minDiskGiB: image.min_disk,
    minRamMiB: image.min_ram,
    sizeBytes: image.size,
    key: keyOf(image),
    properties: image.properties,
    tags: image.tags,
    createdAt: image.created_at,
    updatedAt: image.updated_at,
  }
}
