import { Readable } from 'node:stream'
import { basename, join } from 'node:path'
import { extract } from 'tar-stream'
import { tar } from '../../kernel/archive/docker-archive.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { WorkloadId } from '../../ports/compute.ts'
import type { ContainerArchives, PathStat } from '../../ports/container-archives.ts'
import { mustRun, type FakeContainer } from './container.ts'

const FOLDERS = ['/', '/bin', '/etc', '/root', '/tmp', '/var']
const GO_FOLDER = 0x8000_0000

/** Files in memory: what was put in can be got out. Folders are those of any system, and those of the files. */
export function fakeArchives(containerOf: (id: WorkloadId) => FakeContainer): ContainerArchives {
  return {
    async getArchive(id, path) {
      const container = containerOf(id)
      const stat = statOf(container, path)
      const plain = plainPath(path)
      const files = [...container.files].filter(
        ([name]) => name === plain || name.startsWith(withSlash(plain)),
      )
      const entries = files.map(([name, content]) => ({
        path: join(stat.name, name.slice(plain.length)),
        content,
        mode: 0o644,
      }))
      const folder = stat.kind === 'folder' ? [{ path: withSlash(stat.name) }] : []
      return { stat, tar: Readable.from([await tar([...folder, ...entries])]) }
    },
    async putArchive(id, path, content) {
      const container = containerOf(id)
      if (statOf(container, path).kind !== 'folder')
        throw cloudError('badRequest', `'${path}' is not a folder`)
      await unpack(container, plainPath(path), content)
    },
    statPath: async (id, path) => statOf(containerOf(id), path),
    async top(id, psArgs = '') {
      if (!/^[\w ,=-]*$/.test(psArgs)) throw cloudError('badRequest', 'These are no options of ps')
      const { spec } = mustRun(containerOf(id))
      const command = [...(spec.entrypoint ?? []), ...(spec.command ?? [])].join(' ') || 'init'
      return {
        titles: ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'],
        processes: [['root', '1000', '1', '0', '00:00', '?', '00:00:00', command]],
      }
    },
  }
}

async function unpack(container: FakeContainer, folder: string, content: Readable): Promise<void> {
  const reader = extract()
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(Buffer.from(chunk))
  reader.end(Buffer.concat(chunks))
  try {
    for await (const entry of reader) {
      const parts: Buffer[] = []
      for await (const part of entry) if (Buffer.isBuffer(part)) parts.push(part)
      if (entry.header.type === 'file')
        container.files.set(join(folder, entry.header.name), Buffer.concat(parts))
    }
  } catch (error) {
    throw cloudError('badRequest', 'This is not a tar archive', { cause: error })
  }
}

function statOf(container: FakeContainer, path: string): PathStat {
  const plain = plainPath(path)
  const content = container.files.get(plain)
  const folder =
    FOLDERS.includes(plain) ||
    [...container.files.keys()].some((name) => name.startsWith(withSlash(plain)))
  if (content === undefined && !folder)
    throw cloudError('notFound', `There is no '${path}' in container ${container.spec.id}`)
  const mode = content === undefined ? 0o755 : 0o644
  return {
    name: basename(plain) || '/',
    kind: content === undefined ? 'folder' : 'file',
    size: content?.length ?? 4096,
    mode,
    engineMode: content === undefined ? GO_FOLDER + mode : mode,
    mtime: new Date(0).toISOString(),
    linkTarget: '',
  }
}

const plainPath = (path: string): string => join('/', path).replace(/(.)\/$/, '$1')
const withSlash = (path: string): string => (path.endsWith('/') ? path : `${path}/`)
