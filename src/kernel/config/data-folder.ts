import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folder that holds a cloud. One process at a time: a second one is refused with the first one's id. */
export interface DataFolder {
  readonly path: string
  /** Four hex digits that mark everything this cloud makes on the host. */
  readonly cloud: string
  readonly isNew: boolean
  file(...names: string[]): string
  release(): void
}

export function openDataFolder(path: string): DataFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const file = (...names: string[]): string => join(path, ...names)
  takeLock(file('lock'))
  const isNew = !existsSync(file('cloud'))
  if (isNew) writeFileSync(file('cloud'), randomBytes(2).toString('hex'), { mode: 0o600 })
  const cloud = readFileSync(file('cloud'), 'utf8').trim()
  if (!/^[0-9a-f]{4}$/.test(cloud))
    throw new Error(`${file('cloud')} does not hold four hex digits`)
  return { path, cloud, isNew, file, release: () => rmSync(file('lock'), { force: true }) }
}

function takeLock(lock: string): void {
  const mine = `${process.pid} ${startOf(process.pid) ?? ''}`
  for (;;) {
    try {
      writeFileSync(lock, mine, { flag: 'wx', mode: 0o600 })
      return
    } catch (cause) {
      if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'EEXIST') throw cause
      const [pid = '', start = ''] = readFileSync(lock, 'utf8').split(' ')
      // a process id may be used again after a reboot: the start time tells whether it is the same process
      if (pid !== '' && startOf(Number(pid)) === start && Number(pid) !== process.pid) {
        throw new Error(
          `another Stackyard (process ${pid}) uses this data folder: stop it, or choose another with --data`,
          { cause },
        )
      }
      rmSync(lock, { force: true })
    }
  }
}

/** Start time of a process in clock ticks since boot; undefined when there is no such process, or only its zombie. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
