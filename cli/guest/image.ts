import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { pack, type Header, type Pack } from 'tar-stream'

/** One thing of an image's file system. Paths carry no leading slash. Owner is root unless given. */
export type ImageEntry =
  | {
      readonly kind: 'folder'
      readonly path: string
      readonly mode?: number
      readonly uid?: number
    }
  | {
      readonly kind: 'file'
      readonly path: string
      readonly content: Buffer
      readonly mode?: number
    }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }

/** What the image says about itself: the part of Docker's image configuration that we use. */
export interface ImageConfig {
  readonly name: string
  readonly architecture: 'amd64' | 'arm64'
  readonly command: readonly string[]
  readonly ports: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

// A fixed time makes equal content an equal image, whoever builds it and when.
const BUILT_AT = new Date('2025-01-01T00:00:00Z')

/** Writes a `docker save` tar of one layer to `file`. */
export async function writeImage(
  file: string,
  entries: readonly ImageEntry[],
  config: ImageConfig,
): Promise<void> {
  const layer = await packed((tar) => {
    for (const entry of entries) addEntry(tar, entry)
  })
  const settings = Buffer.from(JSON.stringify(imageJson(config, layer)))
  const configName = `${sha256(settings)}.json`
  const manifest = [
    { Config: configName, RepoTags: [`stackyard/${config.name}:latest`], Layers: ['layer.tar'] },
  ]
  const image = await packed((tar) => {
    tar.entry({ name: configName, mtime: BUILT_AT }, settings)
    tar.entry({ name: 'layer.tar', mtime: BUILT_AT }, layer)
    tar.entry({ name: 'manifest.json', mtime: BUILT_AT }, JSON.stringify(manifest))
  })
  const out = createWriteStream(file)
  out.end(image)
  await once(out, 'finish')
}

function imageJson(config: ImageConfig, layer: Buffer): object {
  return {
    architecture: config.architecture,
    os: 'linux',
    created: BUILT_AT.toISOString(),
    config: {
      Cmd: config.command,
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ExposedPorts: Object.fromEntries(config.ports.map((port) => [port, {}])),
      Labels: config.labels,
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created: BUILT_AT.toISOString(), created_by: 'stackyard cli/guest' }],
  }
}

function addEntry(tar: Pack, entry: ImageEntry): void {
  const owner = entry.kind === 'folder' ? (entry.uid ?? 0) : 0
  const header: Partial<Header> & { name: string } = {
    name: entry.path,
    mtime: BUILT_AT,
    uid: owner,
    gid: owner,
  }
  switch (entry.kind) {
    case 'folder':
      tar.entry({ ...header, type: 'directory', mode: entry.mode ?? 0o755 })
      return
    case 'file':
      tar.entry({ ...header, mode: entry.mode ?? 0o644 }, entry.content)
      return
    case 'link':
      tar.entry({ ...header, type: 'symlink', linkname: entry.to, mode: 0o777 })
  }
}

async function packed(fill: (tar: Pack) => void): Promise<Buffer> {
  const tar = pack()
  fill(tar)
  tar.finalize()
  const chunks: Buffer[] = []
  tar.on('data', (chunk) => {
    if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
  })
  await once(tar, 'end')
  return Buffer.concat(chunks)
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
