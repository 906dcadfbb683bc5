import { spawn } from 'node:child_process'
import { Server, type Socket } from 'node:net'

/**
 * Runs a short-lived helper (a Node program, perhaps behind `nsenter`) that opens a listening socket where we cannot and
 * hands it over on the IPC channel. The helper ends by itself; the socket stays with us. A helper that ends or overruns its
 * time without a socket throws what it said.
 */
export async function receiveServer(
  command: string,
  args: readonly string[],
  onConnection: (socket: Socket) => void,
  timeoutMs = 20_000,
): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let said = ''
    let received: Server | undefined
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.on('message', (_message, handle) => {
      if (handle instanceof Server) {
        received = handle
        // It accepts from this moment on: a connection nobody hears of would keep the server from ever closing.
        handle.on('connection', onConnection)
      }
      // The helper waits for this before it ends: a handle still in flight would be lost with it.
      child.disconnect()
    })
    child.on('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })))
    // 'close' is not told for a child that handed something over; 'exit' may come before its last words were read.
    child.on('exit', () => {
      if (received !== undefined) resolve(received)
    })
    child.on('close', (code) =>
      reject(new Error(`${command} ended with ${code} and no socket: ${said.trim().slice(-600)}`)),
    )
  })
}
