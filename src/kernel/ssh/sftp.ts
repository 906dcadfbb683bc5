import { posix } from 'node:path'
import type { Attributes, SFTPWrapper } from 'ssh2'
import { reasonOf } from '../errors/cloud-error.ts'
import type { Logger } from '../log/log.ts'
import type { SshFile, SshFiles } from './guest.ts'
import { Spool } from './spool.ts'

/** Status codes and open flags of SFTP version 3 (draft-ietf-secsh-filexfer-02 §7, §6.3). */
const OK = 0
const EOF = 1
const NO_SUCH_FILE = 2
const FAILURE = 4
const WRITE = 0x02
const APPEND = 0x04
const CREATE = 0x08
const TRUNCATE = 0x10
const EXCLUSIVE = 0x20

const MOST_HANDLES = 64
const NAMES_PER_ANSWER = 100

type Handle =
  | { readonly kind: 'file'; readonly path: string; readonly spool: Spool; writes: boolean }
  | { readonly kind: 'folder'; entries: readonly SshFile[] }

/**
 * The SFTP subsystem. A file that is opened is first copied beside (files come and go as whole archives), read and written
 * there, and put back when it is closed; an interrupted upload changes nothing.
 */
export function serveSftp(sftp: SFTPWrapper, files: SshFiles, log: Logger): void {
  const session = new SftpSession(sftp, files)
  // one request at a time and in order: clients send many without waiting, and a close must come after its writes
  let before: Promise<unknown> = Promise.resolve()
  const on = (event: string, work: (id: number, ...rest: never[]) => Promise<void>): void => {
    sftp.on(event, (id: number, ...rest: never[]) => {
      before = before.then(async () => {
        await work(id, ...rest).catch((error: unknown) => session.fail(id, error))
      })
    })
  }
  on('OPEN', async (id, path: string, flags: number, attrs: Attributes) =>
    session.open(id, path, flags, attrs),
  )
  on('READ', async (id, handle: Buffer, at: number, size: number) =>
    session.read(id, handle, at, size),
  )
  on('WRITE', async (id, handle: Buffer, at: number, data: Buffer) =>
    session.write(id, handle, at, data),
  )
  on('FSTAT', async (id, handle: Buffer) => session.handleFacts(id, handle))
  on('FSETSTAT', async (id) => session.ok(id)) // times and owners are not kept; scp sends them after its writes
  on('SETSTAT', async (id) => session.ok(id))
  on('CLOSE', async (id, handle: Buffer) => session.close(id, handle))
  on('OPENDIR', async (id, path: string) => session.openFolder(id, path))
  on('READDIR', async (id, handle: Buffer) => session.readFolder(id, handle))
  on('STAT', async (id, path: string) => session.facts(id, path))
  on('LSTAT', async (id, path: string) => session.facts(id, path))
  on('REALPATH', async (id, path: string) => session.realPath(id, path))
  on('MKDIR', async (id, path: string, attrs: Attributes) =>
    session.done(id, files.makeFolder(absolute(path), attrs.mode ?? 0o755)),
  )
  on('REMOVE', async (id, path: string) => session.done(id, files.remove(absolute(path))))
  on('RMDIR', async (id, path: string) => session.done(id, files.remove(absolute(path))))
  // a client that has said its last word waits for us to close
  sftp.once('end', () => void before.then(() => farewell(sftp)))
  sftp.once('close', () => void before.then(async () => session.end()))
  sftp.on('error', (error: unknown) => log.debug({ err: error }, 'an SFTP session broke'))
}

/**
 * The subsystem ended well: without an exit status `scp` calls a copy failed (RFC 4254 §6.10). The library has no call for it on
 * this kind of channel, so its inner parts are used, as its own `Channel.exit` does.
 */
function farewell(sftp: SFTPWrapper): void {
  const { _protocol: protocol, outgoing } = sftp as unknown as {
    readonly _protocol?: { exitStatus(channel: number, code: number): void }
    readonly outgoing?: { readonly id: number; readonly state: string }
  } // see above
  if (outgoing?.state === 'open') protocol?.exitStatus(outgoing.id, 0)
  sftp.end()
}

/** Paths without a beginning are below the root: a container has no home that could be known. */
const absolute = (path: string): string => posix.resolve('/', path)

class SftpSession {
  readonly #sftp: SFTPWrapper
  readonly #files: SshFiles
  readonly #handles = new Map<number, Handle>()
  #last = 0

  constructor(sftp: SFTPWrapper, files: SshFiles) {
    this.#sftp = sftp
    this.#files = files
  }

  ok(id: number): void {
    this.#sftp.status(id, OK)
  }

  async done(id: number, work: Promise<void>): Promise<void> {
    await work
    this.ok(id)
  }

  fail(id: number, error: unknown): void {
    this.#sftp.status(id, FAILURE, reasonOf(error))
  }

  async open(id: number, name: string, flags: number, attrs: Attributes): Promise<void> {
    const path = absolute(name)
    const found = await this.#files.find(path)
    if (found === undefined && (flags & CREATE) === 0) return this.#missing(id)
    if (found !== undefined && (flags & EXCLUSIVE) !== 0)
      return this.fail(id, new Error('the file exists'))
    if (found?.kind === 'folder') return this.fail(id, new Error('it is a folder'))
    const mode = (found?.mode ?? attrs.mode ?? 0o644) & 0o7777
    const spool = await Spool.open(mode)
    const keeps = found !== undefined && (flags & TRUNCATE) === 0
    try {
      if (keeps) await spool.fill(await this.#files.read(path))
    } catch (error) {
      await spool.close()
      throw error
    }
    spool.appends = (flags & APPEND) !== 0
    await this.#give(id, { kind: 'file', path, spool, writes: (flags & WRITE) !== 0 })
  }

  async read(id: number, handle: Buffer, at: number, size: number): Promise<void> {
    const data = await this.#file(handle).spool.read(at, size)
    if (data.length === 0) this.#sftp.status(id, EOF)
    else this.#sftp.data(id, data)
  }

  async write(id: number, handle: Buffer, at: number, data: Buffer): Promise<void> {
    const file = this.#file(handle)
    if (!file.writes) throw new Error('the file was opened for reading')
    await file.spool.write(at, data)
    this.ok(id)
  }

  async handleFacts(id: number, handle: Buffer): Promise<void> {
    const { spool } = this.#file(handle)
    this.#sftp.attrs(id, attributes({ ...spool.facts, kind: 'file' }))
    await Promise.resolve()
  }

  async close(id: number, handle: Buffer): Promise<void> {
    const number = handle.readUInt32BE(0)
    const open = this.#handles.get(number)
    this.#handles.delete(number)
    if (open?.kind === 'file') await this.#putBack(open)
    this.ok(id)
  }

  async openFolder(id: number, name: string): Promise<void> {
    const path = absolute(name)
    const found = await this.#files.find(path)
    if (found === undefined) return this.#missing(id)
    if (found.kind !== 'folder') throw new Error('it is no folder')
    await this.#give(id, { kind: 'folder', entries: await this.#files.list(path) })
  }

  async readFolder(id: number, handle: Buffer): Promise<void> {
    const open = this.#handles.get(handle.readUInt32BE(0))
    if (open?.kind !== 'folder') throw new Error('it is no open folder')
    const now = open.entries.slice(0, NAMES_PER_ANSWER)
    open.entries = open.entries.slice(NAMES_PER_ANSWER)
    if (now.length === 0) this.#sftp.status(id, EOF)
    else this.#sftp.name(id, now.map(entry))
    await Promise.resolve()
  }

  async facts(id: number, name: string): Promise<void> {
    const found = await this.#files.find(absolute(name))
    if (found === undefined) this.#missing(id)
    else this.#sftp.attrs(id, attributes(found))
  }

  async realPath(id: number, name: string): Promise<void> {
    this.#sftp.name(id, [{ filename: absolute(name), longname: '', attrs: attributes(nowhere) }])
    await Promise.resolve()
  }

  /** What was not closed by the client was not finished: it goes. */
  async end(): Promise<void> {
    for (const open of this.#handles.values()) if (open.kind === 'file') await open.spool.close()
    this.#handles.clear()
  }

  async #putBack({ path, spool, writes }: Extract<Handle, { kind: 'file' }>): Promise<void> {
    try {
      if (writes) await this.#files.write(path, spool.content(), spool.facts)
    } finally {
      await spool.close()
    }
  }

  #missing(id: number): void {
    this.#sftp.status(id, NO_SUCH_FILE)
  }

  #file(handle: Buffer): Extract<Handle, { kind: 'file' }> {
    const open = this.#handles.get(handle.readUInt32BE(0))
    if (open?.kind !== 'file') throw new Error('it is no open file')
    return open
  }

  async #give(id: number, handle: Handle): Promise<void> {
    if (this.#handles.size >= MOST_HANDLES) {
      if (handle.kind === 'file') await handle.spool.close()
      throw new Error(`more than ${MOST_HANDLES} files are open`)
    }
    this.#last += 1
    this.#handles.set(this.#last, handle)
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.#last)
    this.#sftp.handle(id, bytes)
  }
}

const nowhere = { kind: 'other', size: 0, mode: 0, modified: 0 } as const
/** File types as `st_mode` has them. */
const typeBits = { file: 0o100000, folder: 0o040000, link: 0o120000, other: 0 } as const

function attributes(file: Omit<SshFile, 'name'>): Attributes {
  const mode = typeBits[file.kind] | (file.mode & 0o7777)
  return { mode, uid: 0, gid: 0, size: file.size, atime: file.modified, mtime: file.modified }
}

function entry(file: SshFile): { filename: string; longname: string; attrs: Attributes } {
  const letter = { file: '-', folder: 'd', link: 'l', other: '?' }[file.kind]
  const bits = ['r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x']
    .map((sign, at) => (((file.mode >> (8 - at)) & 1) === 1 ? sign : '-'))
    .join('')
  const time = new Date(file.modified * 1000).toISOString().slice(0, 16).replace('T', ' ')
  const longname = `${letter}${bits} 1 root root ${String(file.size).padStart(10)} ${time} ${file.name}`
  return { filename: file.name, longname, attrs: attributes(file) }
}
