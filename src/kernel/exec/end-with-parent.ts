import { Socket } from 'node:net'

/**
 * The first words of a program of ours that a cloud runs: it ends when whoever holds the other end of its standard input has
 * ended, however that was; programs of others do so by themselves. The IPC channel does not tell it reliably: while a socket
 * handed over waits for its receipt, `disconnect` is never said.
 */
export function endWithParent(): void {
  const input = new Socket({ fd: 0, writable: false })
  input.on('error', () => process.exit())
  input.on('close', () => process.exit())
  input.resume().unref()
}
