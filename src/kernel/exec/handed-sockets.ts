import { spawn } from 'node:child_process'
import { Socket as UdpSocket } from 'node:dgram'
import { Server } from 'node:net'

export type HandedSocket = Server | UdpSocket

/**
 * Runs a short-lived helper (a Node program, perhaps behind `nsenter`) that opens sockets where we cannot and hands them over
 * on the IPC channel, each in a message that names it; a message without a socket says that these were all. `take` is called
 * for each at once: it listens from that moment on, and what nobody attends would keep it from ever closing. The helper ends
 * by itself, and with us by `endWithParent`; the sockets stay with us. A helper that ends or overruns its time too early throws
 * what it said; what was taken until then is the caller's to close.
 */
export async function receiveSockets(
  command: string,
  args: readonly string[],
  take: (name: string, socket: HandedSocket) => void,
  timeoutMs = 20_000,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'ignore', 'pipe', 'ipc'], // nothing is written to it: its end tells of ours
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let said = ''
    let complete = false
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.on('message', (message, handle) => {
      if (handle instanceof Server || handle instanceof UdpSocket)
        return take(typeof message === 'string' ? message : '', handle)
      complete = true
      // The helper waits for this before it ends: a handle still in flight would be lost with it.
      child.disconnect()
    })
    child.on('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })))
    // 'close' is not told for a child that handed something over; 'exit' may come before its last words were read.
    child.on('exit', (code) => {
      if (complete) resolve()
      else setTimeout(() => reject(new Error(failure(command, code, said))), LAST_WORDS_MS)
    })
  })
}

const LAST_WORDS_MS = 50

const failure = (command: string, code: number | null, said: string): string =>
  `${command} ended with ${code} and without all sockets: ${said.trim().slice(-600)}`
