import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { extract, pack, type Header } from 'tar-stream'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { isCloudError } from '../../../kernel/errors/cloud-error.ts'
import type { SshFile, SshFiles } from '../../../kernel/ssh/guest.ts'
import type { WorkloadFace } from '../../workload/face.ts'
import type { Room } from './rooms.ts'

type EntryHeader = Partial<Header> & Pick<Header, 'name'>

const MOST_ENTRIES = 10_000
const MOST_LISTED_BYTES = 512 * 1024 ** 2
const REMOVE_MS = 60_000

/**
 * A container's files by its archives: they work without anything in the image, and while it is stopped; only removing needs a
 * running container with `rm`. `mayEnter` throws when nothing may be done at all.
 */
export function archiveFiles(
  ctx: Ctx,
  workload: WorkloadFace,
  room: Room,
  mayEnter: () => void,
): SshFiles {
  const put = async (path: string, header: EntryHeader, content?: Readable): Promise<void> => {
    const tar = content === undefined ? folderTar(header) : fileTar(header, content)
    await workload.putArchive(ctx, room.id, posix.dirname(path), tar)
  }
  return {
    async find(path) {
      mayEnter()
      return await find(ctx, workload, room, path)
    },
    async list(path) {
      const { tar } = await workload.getArchive(ctx, room.id, path)
      return await entriesOf(tar)
    },
    async read(path) {
      const target = await realPath(ctx, workload, room, path)
      return await onlyFile((await workload.getArchive(ctx, room.id, target)).tar)
    },
    write: async (path, content, { size, mode }) =>
      await put(path, { name: posix.basename(path), size, mode, type: 'file' }, content),
    makeFolder: async (path, mode) =>
      await put(path, { name: posix.basename(path), mode: mode & 0o7777, type: 'directory' }),
    async remove(path) {
      const done = await workload.exec(ctx, room.id, {
        command: ['rm', '-r', '--', path],
        timeoutMs: REMOVE_MS,
      })
      if (done.exitCode !== 0)
        throw new Error(done.output.trim() || `rm ended with ${done.exitCode}`)
    },
  }
}

async function find(
  ctx: Ctx,
  workload: WorkloadFace,
  room: Room,
  path: string,
): Promise<SshFile | undefined> {
  try {
    const stat = await workload.statPath(ctx, room.id, await realPath(ctx, workload, room, path))
    return {
      name: posix.basename(path),
      kind: stat.kind,
      size: stat.size,
      mode: stat.mode,
      modified: Math.floor(Date.parse(stat.mtime) / 1000),
    }
  } catch (error) {
    if (isCloudError(error, 'notFound')) return undefined
    throw error
  }
}

/** Where a link leads; the engine answers with the target resolved inside the container. */
async function realPath(
  ctx: Ctx,
  workload: WorkloadFace,
  room: Room,
  path: string,
): Promise<string> {
  const stat = await workload.statPath(ctx, room.id, path)
  return stat.kind === 'link' && stat.linkTarget !== ''
    ? posix.resolve(posix.dirname(path), stat.linkTarget)
    : path
}

function fileTar(header: EntryHeader, content: Readable): Readable {
  const tar = pack()
  const entry = tar.entry(header, (error) => {
    if (error) tar.destroy(error)
    else tar.finalize()
  })
  content.on('error', (error) => tar.destroy(error))
  content.pipe(entry)
  return Readable.from(tar, { objectMode: false })
}

function folderTar(header: EntryHeader): Readable {
  const tar = pack()
  tar.entry(header)
  tar.finalize()
  return Readable.from(tar, { objectMode: false })
}

/** The content of the one file in an archive. */
async function onlyFile(tar: Readable): Promise<Readable> {
  const reader = extract()
  tar.on('error', (error) => reader.destroy(error))
  tar.pipe(reader)
  const entries = reader[Symbol.asyncIterator]()
  const first = await entries.next()
  if (first.done === true || first.value.header.type !== 'file') {
    tar.destroy()
    throw new Error('it is no plain file')
  }
  const content = Readable.from(first.value, { objectMode: false })
  content.once('close', () => tar.destroy())
  return content
}

/** What lies in the folder itself; what lies deeper is read over. */
async function entriesOf(tar: Readable): Promise<readonly SshFile[]> {
  const found: SshFile[] = []
  let bytes = 0
  const reader = tar.on('error', (error) => reader.destroy(error)).pipe(extract())
  for await (const entry of reader) {
    const { header } = entry
    entry.resume()
    bytes += header.size ?? 0
    if (found.length >= MOST_ENTRIES || bytes > MOST_LISTED_BYTES) {
      tar.destroy()
      throw new Error('the folder holds too much to be listed this way: use `ls` over ssh')
    }
    // «folder/name»: the archive begins with the folder's own name
    const [, name, deeper] = header.name.replace(/\/$/, '').split('/')
    if (name !== undefined && deeper === undefined) found.push(fileOf(name, header))
  }
  return found
}

function fileOf(name: string, header: Header): SshFile {
  return {
    name,
    kind: kindOf(header.type),
    size: header.size ?? 0,
    mode: header.mode ?? 0,
    modified: Math.floor((header.mtime?.getTime() ?? 0) / 1000),
  }
}

function kindOf(type: Header['type']): SshFile['kind'] {
  switch (type) {
    case 'file':
    case 'contiguous-file':
    case 'link': // a second name of a file
      return 'file'
    case 'directory':
      return 'folder'
    case 'symlink':
      return 'link'
    default:
      return 'other'
  }
}
