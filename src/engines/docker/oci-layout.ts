import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ArchiveManifest } from './archive-manifest.ts'

/**
 * An OCI image layout (image-spec, image-layout.md) read as if it were a `docker save` archive: the configuration is the
 * same document and the engine takes layers by any path, so only the list of them has to be made.
 */
export type Blobs = ReadonlyMap<string, Buffer>

interface Descriptor {
  readonly digest: string
  readonly platform?: { readonly os?: string; readonly architecture?: string }
}

const NESTING_LIMIT = 4

export function ociManifest(blobs: Blobs, architecture: string): ArchiveManifest {
  let document = object(read(blobs, 'index.json'))
  for (let depth = 0; depth < NESTING_LIMIT && Array.isArray(document['manifests']); depth += 1) {
    document = object(read(blobs, blobPath(choose(document['manifests'], architecture).digest)))
  }
  const { config, layers } = document
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw cloudError('badRequest', 'The OCI layout names no image with a configuration and layers')
  }
  return { Config: blobPath(config.digest), Layers: layers.map(({ digest }) => blobPath(digest)) }
}

function choose(manifests: readonly unknown[], architecture: string): Descriptor {
  // Builders add attestations as manifests for the platform «unknown».
  const images = manifests.filter(isDescriptor).filter(({ platform }) => platform?.os !== 'unknown')
  const fitting = images.filter(({ platform }) => platform?.architecture === architecture)
  const [only, ...others] =
    fitting.length > 0 ? fitting : images.filter(({ platform }) => platform === undefined)
  if (only === undefined)
    throw cloudError('badRequest', `The OCI layout holds no image for ${architecture}`)
  if (others.length > 0) {
    throw cloudError(
      'badRequest',
      `The OCI layout holds ${others.length + 1} images; save one image per archive`,
    )
  }
  return only
}

function read(blobs: Blobs, path: string): unknown {
  const content = blobs.get(path)
  if (content === undefined) throw cloudError('badRequest', `The OCI layout has no usable ${path}`)
  try {
    return JSON.parse(content.toString())
  } catch (cause) {
    throw cloudError('badRequest', `${path} of the OCI layout is not JSON`, { cause })
  }
}

function blobPath(digest: string): string {
  const match = /^([a-z0-9]+):([0-9a-f]+)$/.exec(digest)
  if (match === null)
    throw cloudError('badRequest', `The OCI layout has a malformed digest '${digest}'`)
  return `blobs/${match[1]}/${match[2]}`
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw cloudError('badRequest', 'The OCI layout is malformed')
  return { ...value }
}

function isDescriptor(value: unknown): value is Descriptor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'digest' in value &&
    typeof value.digest === 'string'
  )
}
