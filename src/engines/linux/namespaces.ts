import { readdir } from 'node:fs/promises'
import { statSync } from 'node:fs'
import { CoProcess, type CoProcessSpec } from '../../kernel/exec/coprocess.ts'
import { CommandFailed, run, tryRun } from '../../kernel/exec/run.ts'
import { checkedPath } from './addresses.ts'
import { netnsDir, netnsPath } from './names.ts'
import { batchOf, END, nftIn, nftReasons, shell, tolerable } from './tool-talk.ts'

/**
 * Namespaces and the two tools that write into them. `ip` and `nft` cost 3–7 ms to start and under 1 ms to be told something,
 * so a namespace being worked on keeps one of each running (`ip -batch -`, `nft -i`) until it has been quiet for a while.
 * They are tied to the namespace's inode: one that was removed and made again under the same name gets new ones.
 */
const IDLE_MS = 15_000
const KEPT = 16

interface Kept {
  readonly process: CoProcess
  readonly inode: number
  lastUsed: number
}

/** What a namespace is told when it is first seen. */
export interface FirstWords {
  /** As of `ip`. */
  readonly lines: readonly string[]
  readonly tolerated?: RegExp
  /** As of `settings`. */
  readonly settings?: readonly string[]
}

/** What is removed takes the kernel long, and what is made does not wait for it. */
type Lane = 'ip' | 'ip that removes'

export class Namespaces {
  readonly #kept = new Map<string, Kept>()
  /** Name → inode of namespaces whose `lo` this process has seen to. */
  readonly #dressed = new Map<string, number>()
  /** Name → whom this process makes it for, from before it is there until it is gone. */
  readonly #owners = new Map<string, string>()
  readonly #sweeper: NodeJS.Timeout

  constructor() {
    this.#sweeper = setInterval(() => this.#sweep(Date.now() - IDLE_MS), IDLE_MS / 3)
    this.#sweeper.unref()
  }

  /** Its inode while it exists: two namespaces that follow each other under one name differ in it. */
  inode(name: string): number | undefined {
    return inodeOf(netnsPath(name))
  }

  /** The id of what this process makes it for; undefined when it does not. */
  ownerOf(name: string): string | undefined {
    return this.#owners.get(name)
  }

  /** The id of what this process made and did not remove; told once of a namespace that is gone. */
  lost(name: string): string | undefined {
    return this.#dressed.delete(name) ? this.#owners.get(name) : undefined
  }

  async list(prefix: string): Promise<string[]> {
    const names = await readdir(netnsDir).catch(() => [])
    return names.filter((name) => name.startsWith(prefix)).sort()
  }

  /**
   * Makes the namespace if it is not there and, at the first sight of it in this process, tells it these words. The id is
   * kept on `lo` so that it can be listed.
   */
  async add(name: string, id: string, words?: FirstWords): Promise<'made' | 'found' | 'known'> {
    this.#owners.set(name, id)
    const there = this.inode(name)
    if (there !== undefined && this.#dressed.get(name) === there) return 'known'
    if (there === undefined) await this.#ipOnHost('ip', `netns add ${name}`, /File exists/)
    // Also when it was there: whoever made it may have been killed before this line.
    const own = [`link set dev lo alias ${id}`, 'link set dev lo up']
    if (words === undefined) await this.ip(name, own)
    else await this.ipOnce(name, [...own, ...words.lines], words)
    this.#dressed.set(name, this.inode(name) ?? 0)
    return there === undefined ? 'made' : 'found'
  }

  async remove(name: string): Promise<void> {
    await this.#drop(name)
    this.#dressed.delete(name)
    await this.#ipOnHost('ip that removes', `netns del ${name}`, /No such file/)
    this.#owners.delete(name)
  }

  /**
   * Tells `ip` these lines; all are tried, then it throws what `ip` said about those that failed. Complaints that match
   * `tolerated` (what is to be made exists, what is to go is gone) are none; they are answered.
   */
  async ip(name: string, lines: readonly string[], tolerated?: RegExp): Promise<string> {
    if (lines.length === 0) return ''
    const said = await this.#ask(`ip ${name}`, name, lines.join('\n'), batchOf(['-n', name]))
    return tolerable(`ip in ${name}`, said, tolerated)
  }

  /**
   * As `ip`, where no more is to be said for a while: unless one is running there anyway, a shell that runs already starts it.
   * Settings come first.
   */
  async ipOnce(
    name: string,
    lines: readonly string[],
    more: Omit<FirstWords, 'lines'> & { readonly lane?: Lane } = {},
  ): Promise<string> {
    const { settings = [], tolerated, lane = 'ip' } = more
    if (this.#isKept(name)) {
      if (settings.length > 0) await this.settings(name, settings)
      return await this.ip(name, lines, tolerated)
    }
    return await this.#toldByShell(`sh, ${lane}`, netnsPath(name), settings, lines, tolerated)
  }

  /**
   * As `ipOnce`, beginning with lines each of which would make the same link. An `ip` that was told of it before knows it by the
   * number it had, and is replaced where that is nobody's any more. The lines may be repeated. Answers whether the link was made.
   */
  async ipMaking(name: string, lines: readonly string[], tolerated: RegExp): Promise<boolean> {
    try {
      const said = await this.ipOnce(name, lines, { tolerated })
      const attempts = lines.filter((line) => line.startsWith('link add ')).length
      return said.split('File exists').length - 1 < attempts
    } catch {
      await this.freshIp(name)
      await this.ipOnce(name, lines, { tolerated })
      return true
    }
  }

  /** One transaction of nft commands: all of them hold, or none. Throws what nft said. */
  async nft(name: string, commands: readonly string[]): Promise<void> {
    if (commands.length === 0) return
    const said = await this.#ask(`nft ${name}`, name, commands.join('; '), nftIn(name))
    if (said !== '') throw new Error(`nft in ${name} said: ${nftReasons(said)}`)
  }

  /** As `nft`, for thousands of commands. */
  async nftAtOnce(name: string, commands: readonly string[]): Promise<void> {
    await this.inside(netnsPath(name), 'nft', ['-f', '-'], `${commands.join('\n')}\n`)
  }

  /** Deletes one link, through a program of its own: it takes the kernel 20 ms and others must not wait for it. */
  async removeLink(name: string, link: string): Promise<void> {
    await removed(['ip', '-n', name, 'link', 'del', 'dev', link])
  }

  /**
   * As `removeLink`, in a namespace given by its path. A pair whose other end was deleted a moment ago may still be seen and
   * vanish before it can be deleted here: that it is gone is all that was wanted.
   */
  async removeLinkInside(path: string, link: string): Promise<void> {
    await removed(['nsenter', `--net=${path}`, 'ip', 'link', 'del', 'dev', link])
  }

  /**
   * `ip` keeps the number of a link it once took an address from, under the link's name; to be called before a link is made
   * anew under a name it may have had, else the new one is not found.
   */
  async freshIp(name: string): Promise<void> {
    const kept = this.#kept.get(`ip ${name}`)
    this.#kept.delete(`ip ${name}`)
    await kept?.process.stop()
  }

  /** `ip -j …` in a namespace; an object that is not there is an empty list. */
  async show(name: string, args: readonly string[]): Promise<readonly unknown[]> {
    return await parsed('ip', ['-n', name, '-j', ...args])
  }

  /** What `ip -d -j` says to each of several lines, from one start of it. Only with the details are the aliases of links in it. */
  async showMany(name: string, lines: readonly string[]): Promise<readonly (readonly unknown[])[]> {
    const input = lines.map((line) => `${line}\n`).join('')
    const said = await run('ip', ['-n', name, '-d', '-j', '-batch', '-'], { input })
    return said
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as readonly unknown[]) // `ip -j` prints a list for every question
  }

  /** Any program inside a namespace given by its path. */
  async inside(
    path: string,
    command: string,
    args: readonly string[],
    input = '',
  ): Promise<string> {
    return await run('nsenter', [`--net=${path}`, command, ...args], { input })
  }

  /**
   * Settings, then lines for `ip`, inside a namespace given by its path. A shell that runs already starts the programs: it is
   * small, so that costs a third of what it would cost this process, and does not hold it up.
   */
  async tell(path: string, settings: readonly string[], lines: readonly string[]): Promise<void> {
    await this.#toldByShell('sh', checkedPath(path), settings, lines)
  }

  async #toldByShell(
    key: string,
    path: string,
    settings: readonly string[],
    lines: readonly string[],
    tolerated?: RegExp,
  ): Promise<string> {
    const inside = `nsenter --net=${path}`
    const parts = [
      ...(settings.length === 0 ? [] : [`${inside} sysctl -q -e -w ${settings.join(' ')}`]),
      ...(lines.length === 0 ? [] : [`${inside} ip -force -batch - <<'${END}'`, ...lines, END]),
    ]
    if (parts.length === 0) return ''
    const said = await this.#askKept(key, 0, parts.join('\n'), shell)
    return tolerable(`ip in ${path}`, said, tolerated)
  }

  async showInside(path: string, args: readonly string[]): Promise<readonly unknown[]> {
    return await parsed('nsenter', [`--net=${path}`, 'ip', '-j', ...args])
  }

  /** As `sysctl`, of a named namespace: told to its `ip`, which starts the program without holding up this process. */
  async settings(name: string, settings: readonly string[]): Promise<void> {
    await this.ip(name, [settingsLine(name, settings)])
  }

  /** Kernel settings of a namespace, as `net/ipv4/ip_forward=0`; those this kernel lacks are passed over. */
  async sysctl(path: string, settings: readonly string[]): Promise<void> {
    await run('nsenter', [`--net=${path}`, 'sysctl', '-q', '-e', '-w', ...settings])
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    await Promise.all([...this.#kept.values()].map((kept) => kept.process.stop()))
    this.#kept.clear()
  }

  /** One `ip` for the namespaces of all: they come and go more often than a program should be started. */
  async #ipOnHost(lane: Lane, text: string, tolerated?: RegExp): Promise<void> {
    const said = await this.#askKept(lane, 0, text, batchOf([]))
    tolerable(`ip ${text.split('\n').at(-1)}`, said, tolerated)
  }

  #isKept(name: string): boolean {
    const kept = this.#kept.get(`ip ${name}`)
    return kept !== undefined && kept.process.alive && kept.inode === this.inode(name)
  }

  async #ask(key: string, name: string, text: string, spec: CoProcessSpec): Promise<string> {
    const inode = this.inode(name)
    if (inode === undefined) throw new Error(`the namespace ${name} is not on this host`)
    return await this.#askKept(key, inode, text, spec)
  }

  async #askKept(key: string, inode: number, text: string, spec: CoProcessSpec): Promise<string> {
    let kept = this.#kept.get(key)
    if (kept === undefined || !kept.process.alive || kept.inode !== inode) {
      if (kept !== undefined) void kept.process.stop()
      if (this.#kept.size >= KEPT) this.#sweep(this.#oldestIdle())
      kept = { process: new CoProcess(spec), inode, lastUsed: 0 }
      this.#kept.set(key, kept)
    }
    kept.lastUsed = Date.now()
    return await kept.process.ask(text)
  }

  #oldestIdle(): number {
    const idle = [...this.#kept.values()].filter((kept) => kept.process.idle)
    return Math.min(...idle.map((kept) => kept.lastUsed))
  }

  /** Lets go of what has been quiet since `before`. */
  #sweep(before: number): void {
    for (const [key, kept] of this.#kept) {
      if (!kept.process.idle || kept.lastUsed > before) continue
      this.#kept.delete(key)
      void kept.process.stop()
    }
  }

  /** A program that stands in a namespace keeps it alive, so it must go first. */
  async #drop(name: string): Promise<void> {
    const keys = [`ip ${name}`, `nft ${name}`]
    const found = keys.flatMap((key) => this.#kept.get(key)?.process ?? [])
    for (const key of keys) this.#kept.delete(key)
    await Promise.all(found.map((process) => process.stop()))
  }
}

export function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

const settingsLine = (name: string, settings: readonly string[]): string =>
  `netns exec ${name} sysctl -q -e -w ${settings.join(' ')}`

/** Runs a deletion of a link; one that is not there (any longer) is deleted. */
async function removed([command = '', ...args]: readonly string[]): Promise<void> {
  const gone = await tryRun(command, args)
  if (gone.code !== 0 && !gone.stderr.includes('Cannot find device')) {
    throw new CommandFailed([command, ...args].join(' '), gone)
  }
}

async function parsed(command: string, args: readonly string[]): Promise<readonly unknown[]> {
  const result = await tryRun(command, args)
  if (result.code !== 0) {
    if (/does not exist|Cannot find device/.test(result.stderr)) return []
    throw new CommandFailed([command, ...args].join(' '), result)
  }
  const list: unknown = result.stdout.trim() === '' ? [] : JSON.parse(result.stdout)
  return Array.isArray(list) ? list : []
}
