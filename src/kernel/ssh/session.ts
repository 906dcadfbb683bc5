import type { ServerChannel, Session } from 'ssh2'
import { reasonOf } from '../errors/cloud-error.ts'
import type { Logger } from '../log/log.ts'
import type { SshGuest, SshProcess, SshRun } from './guest.ts'
import { serveSftp } from './sftp.ts'

interface Terminal {
  name: string
  rows: number
  columns: number
}

/** One session channel (RFC 4254 §6): its terminal and environment, then a shell, a command or the SFTP subsystem. */
export function serveSession(session: Session, guest: SshGuest, log: Logger): void {
  const env: Record<string, string> = {}
  let terminal: Terminal | undefined
  let running: SshProcess | undefined
  const start = (channel: ServerChannel, command?: string): void => {
    const wish: SshRun = {
      env,
      ...(command === undefined ? {} : { command }),
      ...(terminal === undefined ? {} : { terminal }),
    }
    run(channel, guest, wish).then(
      (process) => (running = process),
      (error: unknown) => log.warn({ err: error }, 'an SSH session broke'),
    )
  }
  session.on('env', (accept, _reject, { key, val }) => {
    if (/^(LANG|LC_\w+)$/.test(key)) env[key] = val
    answer(accept)
  })
  session.on('pty', (accept, _reject, { term, rows, cols }) => {
    terminal = { name: term, rows, columns: cols }
    answer(accept)
  })
  session.on('window-change', (accept, _reject, { rows, cols }) => {
    if (terminal !== undefined) terminal = { ...terminal, rows, columns: cols }
    // a terminal whose process has just ended has no size any more
    running?.resize({ rows, columns: cols }).catch(() => undefined)
    answer(accept)
  })
  session.on('shell', (accept) => start(accept()))
  session.on('exec', (accept, _reject, { command }) => start(accept(), command))
  session.on('sftp', (accept) => serveSftp(accept(), guest.files, log))
  session.once('close', () => running?.close())
}

/** Not every client wants an answer; the library gives no function then, whatever its types say. */
function answer(accept: (() => void) | undefined): void {
  accept?.()
}

async function run(
  channel: ServerChannel,
  guest: SshGuest,
  wish: SshRun,
): Promise<SshProcess | undefined> {
  let process: SshProcess
  try {
    process = await guest.run(wish)
  } catch (error) {
    channel.stderr.write(`${reasonOf(error)}\r\n`)
    leave(channel, 255)
    return undefined
  }
  channel.once('close', () => process.close())
  channel.on('error', () => process.close())
  process.stdin.on('error', () => undefined) // it hears no more; its end is told by `exited`
  // a terminal knows no end of input: who types is gone when the channel is
  channel.pipe(process.stdin, { end: wish.terminal === undefined })
  process.stdout.pipe(channel, { end: false })
  process.stderr.pipe(channel.stderr, { end: false })
  void process.exited.then((code) => leave(channel, code))
  return process
}

function leave(channel: ServerChannel, code: number): void {
  if (channel.destroyed) return
  channel.exit(code)
  channel.end()
}
