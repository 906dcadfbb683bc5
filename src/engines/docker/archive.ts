import { once } from 'node:events'
import { Readable, pipeline } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { extract, pack, type Extract, type Pack } from 'tar-stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ArchiveManifest } from './archive-manifest.ts'
import { ociManifest, type Blobs } from './oci-layout.ts'

/**
 * What users upload as an image: a `docker save` archive, an OCI layout, or a plain root file system (`docker export`),
 * each possibly compressed. An archive is read twice: once to see what it is (its manifest usually stands at the end),
 * once on its way to the engine, with a manifest that carries our name only. So an archive can neither bring names of
 * its own nor take over those of others.
 */
export type ArchiveKind =
  | { readonly kind: 'rootfs' }
  | { readonly kind: 'image'; readonly manifest: ArchiveManifest }

export type Entry = Extract extends AsyncIterable<infer E> ? E : never

const SMALL_BYTES = 4 * 1024 * 1024
const REMEMBERED_BYTES = 64 * 1024 * 1024
/** Names that would tell the engine tags: left out on the way. */
const naming = new Set(['manifest.json', 'repositories', 'index.json', 'oci-layout'])

/** Looks through a whole plain tar. `architecture` in Go's words, to choose from a multi-platform layout. */
export async function describeArchive(
  source: Readable,
  architecture: string,
): Promise<ArchiveKind> {
  const blobs = new Map<string, Buffer>()
  let entries = 0
  let remembered = 0
  await eachEntry(source, async (entry) => {
    entries += 1
    const name = plainName(entry.header.name)
    const size = entry.header.size ?? 0
    const wanted = naming.has(name) || name.startsWith('blobs/')
    if (wanted && size <= SMALL_BYTES && remembered + size <= REMEMBERED_BYTES) {
      remembered += size
      blobs.set(name, await bufferOf(entry))
    } else await drain(entry)
  })
  if (entries === 0) throw cloudError('badRequest', 'The image is an empty archive')
  return kindOf(blobs, architecture)
}

function kindOf(blobs: Blobs, architecture: string): ArchiveKind {
  const docker = blobs.get('manifest.json')
  if (docker !== undefined) return { kind: 'image', manifest: onlyImage(docker) }
  if (!blobs.has('index.json')) return { kind: 'rootfs' }
  return { kind: 'image', manifest: ociManifest(blobs, architecture) }
}

function onlyImage(manifest: Buffer): ArchiveManifest {
  const parsed = parse(manifest)
  if (!Array.isArray(parsed))
    throw cloudError('badRequest', "The archive's manifest.json is not a list of images")
  if (parsed.length !== 1) {
    throw cloudError(
      'badRequest',
      `The archive holds ${parsed.length} images; save one image per archive`,
    )
  }
  const only: unknown = parsed[0]
  if (!isManifest(only))
    throw cloudError('badRequest', "The archive's manifest.json names no configuration and layers")
  return { Config: only.Config, Layers: only.Layers }
}

function isManifest(value: unknown): value is ArchiveManifest {
  if (typeof value !== 'object' || value === null || !('Config' in value) || !('Layers' in value))
    return false
  const { Config, Layers } = value
  return (
    typeof Config === 'string' &&
    Array.isArray(Layers) &&
    Layers.every((one) => typeof one === 'string')
  )
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString())
  } catch (cause) {
    throw cloudError('badRequest', "The archive's manifest.json is not JSON", { cause })
  }
}

/** The archive with a manifest of one image named `tag`. */
export function withOnlyTag(source: Readable, manifest: ArchiveManifest, tag: string): Readable {
  const packer = pack()
  const copy = async (): Promise<void> => {
    await eachEntry(source, async (entry) => {
      if (naming.has(plainName(entry.header.name))) await drain(entry)
      else await copyEntry(entry, packer)
    })
    packer.entry({ name: 'manifest.json' }, JSON.stringify([{ ...manifest, RepoTags: [tag] }]))
    packer.finalize()
  }
  packer.on('error', ignore)
  copy().catch((error: unknown) =>
    packer.destroy(error instanceof Error ? error : new Error(String(error))),
  )
  const out = Readable.from(packer, { objectMode: false })
  out.once('close', () => source.destroy())
  return out
}

/** Who reads the archive meets its error; the same error as an event without a listener would end the process. */
const ignore = (): void => undefined

export async function copyEntry(entry: Entry, packer: Pack): Promise<void> {
  const isFile = entry.header.type === 'file' || entry.header.type === 'contiguous-file'
  if (!isFile) {
    packer.entry(entry.header)
    await drain(entry)
    return
  }
  const out = packer.entry(entry.header)
  out.on('error', ignore)
  for await (const chunk of entry) if (!out.write(chunk)) await once(out, 'drain')
  out.end(undefined)
  await once(out, 'finish')
}

/** First bytes of the compressions that are met in the wild, in hex. */
const magic: readonly (readonly [start: string, name: string])[] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
]
const MAGIC_BYTES = 6

/** The stream without its compression, told by the first bytes. */
export async function plainTar(source: Readable): Promise<Readable> {
  const { head, whole } = await peek(source)
  if (head.length === 0) throw cloudError('badRequest', 'The image is empty')
  const start = head.toString('hex', 0, MAGIC_BYTES)
  const compression = magic.find(([bytes]) => start.startsWith(bytes))?.[1]
  if (compression === undefined) return whole
  if (compression === 'gzip') return decompressed(whole, createGunzip())
  if (compression === 'zstd') return decompressed(whole, createZstdDecompress())
  whole.destroy()
  throw cloudError(
    'badRequest',
    `The image is compressed with ${compression}; give it as a plain, gzip or zstd tar`,
  )
}

async function peek(
  source: Readable,
): Promise<{ readonly head: Buffer; readonly whole: Readable }> {
  const chunks: AsyncIterator<Buffer> = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  let done = false
  while (head.length < MAGIC_BYTES && !done) {
    const next = await chunks.next()
    done = next.done === true
    if (next.done !== true) head = Buffer.concat([head, next.value])
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield head
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  const again = Readable.from(whole(), { objectMode: false })
  again.once('close', () => source.destroy()) // also when nobody ever read from it
  return { head, whole: again }
}

function decompressed(source: Readable, through: ReturnType<typeof createGunzip>): Readable {
  pipeline(source, through, () => undefined) // its error ends `through`, whose reader meets it
  return through
}

/** Visits one after the other; each visit reads its entry to the end. */
export async function eachEntry(
  source: Readable,
  visit: (entry: Entry) => Promise<void>,
  refused = 'The image is not a tar archive of a container image',
): Promise<void> {
  const reader: Extract = extract()
  let broken: Error | undefined
  source.once('error', (error) => {
    broken = error
    reader.destroy(error)
  })
  source.pipe(reader)
  try {
    for await (const entry of reader) await visit(entry)
  } catch (cause) {
    source.destroy()
    if (broken !== undefined) throw broken
    const said = cause instanceof Error ? cause.message : String(cause)
    if (!/tar|header|end of data|size/i.test(said)) throw cause
    throw cloudError('badRequest', `${refused}: ${said}`, { cause })
  }
}

async function drain(entry: Entry): Promise<void> {
  const ended = once(entry, 'close')
  entry.resume()
  await ended
}

export async function bufferOf(entry: Entry): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of entry) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function plainName(name: string): string {
  return name.replace(/^(\.?\/)+/, '')
}
