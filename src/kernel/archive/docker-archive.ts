import { createHash } from 'node:crypto'
import { pack, type Pack } from 'tar-stream'

/** Writes small images as `docker save` archives: one layer, no registry, no build. For images that are made in memory. */
export interface ArchiveFile {
  /** Path in the image without leading slash; a directory ends in `/`. */
  readonly path: string
  readonly content?: Buffer
  /** Target of a symbolic link. */
  readonly link?: string
  /** Default 0o755. */
  readonly mode?: number
}

export interface ArchiveImage {
  /** Go's words: `amd64`, `arm64`. */
  readonly architecture: string
  /** e.g. `name:tag`; without it the archive brings no name. */
  readonly tag?: string
  /** Becomes the image's `config`: `Cmd`, `Env`, `Entrypoint`, … */
  readonly config: Readonly<Record<string, unknown>>
  readonly files: readonly ArchiveFile[]
}

export async function dockerArchive(image: ArchiveImage): Promise<Buffer> {
  const layer = await tar(image.files)
  const config = JSON.stringify({
    architecture: image.architecture,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created: '1970-01-01T00:00:00Z' }],
  })
  const configName = `${sha256(config)}.json`
  const manifest = [
    {
      Config: configName,
      RepoTags: image.tag === undefined ? null : [image.tag],
      Layers: ['layer.tar'],
    },
  ]
  return await tar([
    { path: configName, content: Buffer.from(config), mode: 0o644 },
    { path: 'layer.tar', content: layer, mode: 0o644 },
    { path: 'manifest.json', content: Buffer.from(JSON.stringify(manifest)), mode: 0o644 },
  ])
}

/** The files as an uncompressed tar, always the same bytes for the same input. */
export async function tar(files: readonly ArchiveFile[]): Promise<Buffer> {
  const packer = pack()
  for (const file of files) addFile(packer, file)
  packer.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of packer) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function addFile(packer: Pack, file: ArchiveFile): void {
  // A fixed time: the digest of the layer must depend on the content only.
  const header = { name: file.path, mode: file.mode ?? 0o755, mtime: new Date(0) }
  if (file.link !== undefined) packer.entry({ ...header, type: 'symlink', linkname: file.link })
  else if (file.path.endsWith('/')) packer.entry({ ...header, type: 'directory' })
  else packer.entry(header, file.content ?? Buffer.alloc(0))
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex')
}
