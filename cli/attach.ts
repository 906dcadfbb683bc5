import { WebSocket } from 'ws'
import { CommandError } from './command.ts'

/** Joins this terminal with a console of the cloud until either ends. On a terminal every key goes there, Ctrl-C too. */
export async function attach(
  url: string,
  onResize: (size: { rows: number; columns: number }) => void,
): Promise<void> {
  const socket = new WebSocket(url, ['binary'], { perMessageDeflate: false })
  const { stdin, stdout } = process
  const raw = stdin.isTTY
  const resized = (): void => onResize({ rows: stdout.rows, columns: stdout.columns })
  const typed = (chunk: Buffer): void => socket.send(chunk)
  await new Promise<void>((resolve, reject) => {
    socket.on('error', (cause) =>
      reject(new CommandError(`the console cannot be reached: ${cause.message}`, [], cause)),
    )
    socket.on('open', () => {
      if (raw) stdin.setRawMode(true)
      stdin.on('data', typed)
      if (!stdout.isTTY) return
      resized()
      stdout.on('resize', resized)
    })
    socket.on('message', (data: Buffer) => stdout.write(data))
    socket.on('close', () => resolve())
  }).finally(() => {
    stdin.off('data', typed)
    stdout.off('resize', resized)
    if (raw) stdin.setRawMode(false)
    stdin.pause()
  })
}
