import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import ssh2, { type ClientChannel, type ConnectConfig } from 'ssh2'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../log/log.ts'
import { openSshDoor, type SshDoor } from './door.ts'
import type { SshFile, SshFiles, SshGuest, SshHost, SshProcess, SshRun } from './guest.ts'

const { Client, utils } = ssh2

/** Now and then ssh2 makes a key that it cannot read itself. */
function newKey(): ReturnType<typeof utils.generateKeyPairSync> {
  const pair = utils.generateKeyPairSync('ed25519')
  return utils.parseKey(pair.private) instanceof Error ? newKey() : pair
}
const mine = newKey()
const foreign = newKey()

/** A house with one room: what is typed comes back, `fail` ends with 3, files are kept in memory. */
class House implements SshHost {
  readonly runs: SshRun[] = []
  readonly sizes: unknown[] = []
  readonly visits: string[] = []
  readonly kept = new Map<string, { content: Buffer; mode: number }>()

  async recognise({ name, key }: { name: string; key: Buffer }): Promise<SshGuest | undefined> {
    const known = utils.parseKey(mine.public)
    if (known instanceof Error) throw known
    const fits = name === 'room' && key.equals(known.getPublicSSH())
    return await Promise.resolve(fits ? this.#guest() : undefined)
  }

  #guest(): SshGuest {
    return {
      entered: () => this.visits.push('entered'),
      left: () => this.visits.push('left'),
      run: async (wish) => await this.#run(wish),
      files: this.#files(),
    }
  }

  async #run(wish: SshRun): Promise<SshProcess> {
    this.runs.push(wish)
    if (wish.command === 'away') throw new Error('nothing runs in room')
    const stdin = new PassThrough()
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    if (wish.command === 'fail') stderr.end('no\n')
    else stderr.end()
    if (wish.command === 'fail') stdout.end()
    else stdin.pipe(stdout)
    // a shell on a terminal ends when it is told, not when nothing more is typed
    if (wish.terminal !== undefined)
      stdin.on('data', (typed: Buffer) => typed.includes('exit') && stdin.end())
    const exited = new Promise<number>((resolve) => {
      stdout.once('end', () => resolve(wish.command === 'fail' ? 3 : 0))
    })
    return await Promise.resolve({
      stdin,
      stdout,
      stderr,
      exited,
      resize: async (size) => void (await Promise.resolve(this.sizes.push(size))),
      close: () => stdin.end(),
    })
  }

  #files(): SshFiles {
    const fact = (path: string): SshFile | undefined => {
      const kept = this.kept.get(path)
      if (kept !== undefined)
        return {
          name: path.slice(1),
          kind: 'file',
          size: kept.content.length,
          mode: kept.mode,
          modified: 0,
        }
      return path === '/'
        ? { name: '/', kind: 'folder', size: 0, mode: 0o755, modified: 0 }
        : undefined
    }
    return {
      find: async (path) => await Promise.resolve(fact(path)),
      list: async () =>
        await Promise.resolve([...this.kept.keys()].flatMap((path) => fact(path) ?? [])),
      read: async (path) =>
        await Promise.resolve(Readable.from([this.kept.get(path)?.content ?? Buffer.alloc(0)])),
      write: async (path, content, { size, mode }) => {
        const chunks: Buffer[] = []
        for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk)
        expect(Buffer.concat(chunks)).toHaveLength(size)
        this.kept.set(path, { content: Buffer.concat(chunks), mode })
      },
      makeFolder: async () => await Promise.reject(new Error('no room for folders')),
      remove: async (path) => void (await Promise.resolve(this.kept.delete(path))),
    }
  }
}

describe('the SSH door', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stackyard-ssh-'))
  let house: House
  let door: SshDoor

  beforeAll(async () => {
    house = new House()
    door = await open()
  })
  beforeEach(() => {
    house.runs.length = 0
  })
  afterAll(async () => {
    await door.close()
    rmSync(folder, { recursive: true })
  })

  const open = async (): Promise<SshDoor> =>
    await openSshDoor({
      host: '127.0.0.1',
      port: 0,
      hostKeyFile: join(folder, 'host-key'),
      behind: house,
      log: createLog('silent'),
    })

  const enter = async (more: Partial<ConnectConfig> = {}): Promise<InstanceType<typeof Client>> => {
    const client = new Client()
    return await new Promise((resolve, reject) => {
      client.on('ready', () => resolve(client))
      client.on('error', reject)
      client.connect({
        host: '127.0.0.1',
        port: door.port,
        username: 'room',
        privateKey: mine.private,
        ...more,
      })
    })
  }

  /** What a channel said and how it ended. */
  const hear = async (
    channel: ClientChannel,
  ): Promise<{ out: string; err: string; code: number }> => {
    let out = ''
    let err = ''
    channel.on('data', (chunk: Buffer) => (out += chunk.toString()))
    channel.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    const closed = new Promise((resolve) => channel.on('close', resolve))
    const code = await new Promise<number>((resolve) => channel.on('exit', resolve))
    await closed
    return { out, err, code }
  }

  const run = async (command: string, input = ''): ReturnType<typeof hear> => {
    const client = await enter()
    // listened to at once: a short command's end comes with the news that it began
    const heard = await new Promise<Awaited<ReturnType<typeof hear>>>((resolve, reject) => {
      client.exec(command, (error, channel) => {
        if (error) return reject(error)
        resolve(hear(channel))
        channel.end(input)
      })
    })
    client.end()
    return heard
  }

  it('runs a command with its input, output and exit code', async () => {
    expect(await run('cat', 'hello\n')).toEqual({ out: 'hello\n', err: '', code: 0 })
    expect(await run('fail')).toEqual({ out: '', err: 'no\n', code: 3 })
    expect(house.runs.map(({ command }) => command)).toEqual(['cat', 'fail'])
  })

  it('says why nothing can be run', async () => {
    expect(await run('away')).toMatchObject({ err: 'nothing runs in room\r\n', code: 255 })
  })

  it('opens a shell on a terminal of the right size', async () => {
    const client = await enter()
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      const window = { term: 'xterm', rows: 30, cols: 90, width: 0, height: 0 }
      client.shell(window, {}, (error, made) => (error ? reject(error) : resolve(made)))
    })
    channel.setWindow(40, 100, 0, 0)
    channel.end('exit\n')
    await hear(channel)
    client.end()
    expect(house.runs[0]?.terminal).toEqual({ name: 'xterm', rows: 30, columns: 90 })
    await expect.poll(() => house.sizes).toContainEqual({ rows: 40, columns: 100 })
  })

  it.each([
    ['another key', { privateKey: foreign.private }],
    ['another name', { username: 'cellar' }],
    ['a password', { privateKey: undefined, password: 'let me in' }],
  ])('refuses %s', async (_what, more) => {
    await expect.poll(() => house.visits.length % 2).toBe(0)
    const before = house.visits.length
    await expect(enter(more as Partial<ConnectConfig>)).rejects.toThrow(
      /authentication methods failed/,
    )
    expect(house.visits).toHaveLength(before)
  })

  it('refuses a signature that another key made', async () => {
    const stolen = utils.parseKey(mine.public)
    const own = utils.parseKey(foreign.private)
    if (stolen instanceof Error || own instanceof Error) throw new Error('unreadable key')
    // shows my public key and signs with the foreign one
    const agent = new (class extends ssh2.BaseAgent {
      override getIdentities(done: (error: null, keys: never[]) => void): void {
        done(null, [stolen] as never[])
      }
      override sign(
        _key: never,
        data: Buffer,
        _options: never,
        done?: (error: null, made: Buffer) => void,
      ): void {
        const signature: unknown = own.sign(data)
        done?.(null, signature as Buffer)
      }
    })()
    await expect(enter({ privateKey: undefined, agent } as never)).rejects.toThrow()
  })

  it('copies files in and out, and lists them', async () => {
    const client = await enter()
    const sftp = await new Promise<ssh2.SFTPWrapper>((resolve, reject) => {
      client.sftp((error, made) => (error ? reject(error) : resolve(made)))
    })
    const big = Buffer.alloc(300_000, 'x')
    await new Promise<void>((resolve, reject) => {
      sftp.writeFile('/big', big, { mode: 0o640 }, (error) => (error ? reject(error) : resolve()))
    })
    expect(house.kept.get('/big')).toEqual({ content: big, mode: 0o640 })
    const back = await new Promise<Buffer>((resolve, reject) => {
      sftp.readFile('/big', (error, content) => (error ? reject(error) : resolve(content)))
    })
    expect(back.equals(big)).toBe(true)
    const names = await new Promise<string[]>((resolve, reject) => {
      sftp.readdir('/', (error, list) =>
        error ? reject(error) : resolve(list.map(({ longname }) => longname)),
      )
    })
    expect(names[0]).toMatch(/^-rw-r----- 1 root root +300000 .* big$/)
    const missing = await new Promise<Error | undefined>((resolve) => {
      sftp.stat('/none', (error) => resolve(error ?? undefined))
    })
    expect(missing?.message).toContain('No such file')
    const refused = await new Promise<Error | undefined>((resolve) => {
      sftp.mkdir('/folder', (error) => resolve(error ?? undefined))
    })
    expect(refused?.message).toBe('no room for folders')
    client.end()
  })

  it('tells who came and went, and keeps its host key', async () => {
    await expect.poll(() => house.visits.length % 2).toBe(0)
    house.visits.length = 0
    const keys: string[] = []
    const look = { hostVerifier: (key: Buffer) => keys.push(key.toString('base64')) > 0 }
    ;(await enter(look)).end()
    await expect.poll(() => house.visits).toEqual(['entered', 'left'])
    await door.close()
    door = await open()
    ;(await enter(look)).end()
    expect(keys[1]).toBe(keys[0])
  })
})
