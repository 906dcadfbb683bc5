import type { Duplex } from 'node:stream'
import { Readable, Writable } from 'node:stream'
import type { ContainerStream } from '../../ports/container-streams.ts'
import type { Hijacked } from './client.ts'
import { FrameReader } from './logs.ts'

/**
 * A hijacked connection as three streams. Without a terminal both outputs come in frames on the one connection; it is read on
 * only while both have room, so a slow reader slows the process and not this one's memory.
 */
export function containerStream({ socket, head }: Hijacked, tty: boolean): ContainerStream {
  let open = true
  const end = (): void => {
    if (!open) return
    open = false
    stdout.push(null)
    stderr.push(null)
  }
  const full = new Set<Readable>()
  const output = (): Readable => {
    const made: Readable = new Readable({
      read: () => {
        full.delete(made)
        if (full.size === 0) socket.resume()
      },
    })
    return made
  }
  const [stdout, stderr] = [output(), output()]
  const give = (to: Readable, content: Buffer): void => {
    if (!open || content.length === 0 || to.push(content)) return
    full.add(to)
    socket.pause()
  }
  const frames = new FrameReader((stream, content) => give(stream === 2 ? stderr : stdout, content))
  const take = (chunk: Buffer): void => (tty ? give(stdout, chunk) : frames.take(chunk))
  socket.on('data', take)
  socket.on('end', end).on('close', end)
  socket.on('error', end) // a connection that broke has ended: the exit code tells the rest
  if (head.length > 0) take(head)
  const close = (): void => {
    socket.destroy()
    end()
  }
  return { tty, stdin: input(socket), stdout, stderr, close }
}

/** Ending it says «no more input» and leaves the outputs open. What is written after the process ended is lost, as in a pipe. */
function input(socket: Duplex): Writable {
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!socket.writable) return done()
      socket.write(chunk, () => done())
    },
    final: (done) => {
      socket.end()
      done()
    },
  })
  socket.once('close', () => stdin.destroy())
  return stdin
}
