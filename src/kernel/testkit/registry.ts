import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { tar, type ArchiveFile } from '../archive/docker-archive.ts'

/** A registry with one image on a port of this machine, which Docker talks to without TLS (127.0.0.0/8). */
export interface TestRegistry {
  /** `127.0.0.1:<port>` */
  readonly server: string
  /** `127.0.0.1:<port>/team/app:1` */
  readonly reference: string
  /** How often the manifest was given. */
  readonly pulls: () => number
  /** From now on blobs are begun and not ended. */
  stall(): void
  close(): Promise<void>
}

export interface TestRegistryImage {
  readonly config: Readonly<Record<string, unknown>>
  readonly files: readonly ArchiveFile[]
  /** `user:password`; anybody may pull when undefined. */
  readonly credentials?: string
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const digestOf = (content: Buffer): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`

export async function startTestRegistry(image: TestRegistryImage): Promise<TestRegistry> {
  const { blobs, manifest } = await contentOf(image)
  let pulls = 0
  let stalled = false
  const server = createServer((request, response) => {
    if (!allowed(request, image.credentials)) return refuse(response)
    const [, digest = ''] = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(request.url ?? '') ?? []
    const blob = blobs.get(digest)
    if (request.url === '/v2/') response.writeHead(200).end('{}')
    else if (/\/team\/app\/manifests\/(1|sha256:[0-9a-f]+)$/.test(request.url ?? '')) {
      if (request.method === 'GET') pulls += 1
      response.setHeader('docker-content-digest', digestOf(manifest))
      give(request, response, manifest, MANIFEST)
    } else if (blob !== undefined && stalled) {
      response.writeHead(200, { 'content-length': blob.length }).write(blob.subarray(0, 1))
    } else if (blob !== undefined) give(request, response, blob, 'application/octet-stream')
    else
      response
        .writeHead(404)
        .end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // `listen` on a TCP port gives an address of this kind
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    server: name,
    reference: `${name}/team/app:1`,
    pulls: () => pulls,
    stall: () => void (stalled = true),
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function allowed({ headers }: IncomingMessage, credentials: string | undefined): boolean {
  if (credentials === undefined) return true
  return headers.authorization === `Basic ${Buffer.from(credentials).toString('base64')}`
}

function refuse(response: ServerResponse): void {
  response
    .writeHead(401, { 'www-authenticate': 'Basic realm="test"' })
    .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
}

function give(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  type: string,
): void {
  response.writeHead(200, { 'content-type': type, 'content-length': content.length })
  response.end(request.method === 'HEAD' ? undefined : content)
}

async function contentOf(
  image: TestRegistryImage,
): Promise<{ blobs: ReadonlyMap<string, Buffer>; manifest: Buffer }> {
  const layer = await tar(image.files)
  const packed = gzipSync(layer)
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: image.config,
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  )
  const part = (content: Buffer, mediaType: string): object => ({
    mediaType: `application/vnd.docker.${mediaType}`,
    size: content.length,
    digest: digestOf(content),
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: part(config, 'container.image.v1+json'),
    layers: [part(packed, 'image.rootfs.diff.tar.gzip')],
  }
  const blobs = new Map([config, packed].map((content) => [digestOf(content), content]))
  return { blobs, manifest: Buffer.from(JSON.stringify(manifest)) }
}
