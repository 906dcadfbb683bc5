import type { Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'

/** What can be at the other end of a websocket: a terminal, or a process with its outputs. */
export interface Talker {
  readonly stdin: Writable
  readonly outputs: readonly Readable[]
  /** Called once, when the websocket is closed. */
  close(): void
}

/** Subprotocols that console clients offer: bytes as they are, or as base64 text. */
export const TERMINAL_PROTOCOLS = ['binary', 'base64'] as const

const MOST_WAITING_BYTES = 256 * 1024
const LOOK_MS = 20
const NORMAL_END = 1000

/**
 * Joins a websocket with a process: what comes goes to its input, both its outputs go back. A slow reader holds the process
 * back. Messages never end within a character of UTF-8, because clients decode each by itself. When the outputs have ended
 * the websocket is closed.
 */
export function talk(socket: WebSocket, talker: Talker): void {
  const base64 = socket.protocol === 'base64'
  let open = talker.outputs.length
  for (const output of talker.outputs) {
    const cutter = new CharacterCutter()
    output.on('data', (chunk: Buffer) => send(socket, output, cutter.take(chunk), base64))
    output.on('error', () => socket.close(NORMAL_END))
    output.once('end', () => {
      send(socket, output, cutter.rest(), base64)
      open -= 1
      if (open === 0) socket.close(NORMAL_END)
    })
  }
  talker.stdin.on('error', () => undefined) // the process has ended: its outputs say so
  socket.on('message', (data, isBinary) => {
    const bytes = bytesOf(data)
    if (!talker.stdin.writable) return
    talker.stdin.write(
      base64 && !isBinary ? Buffer.from(bytes.toString('latin1'), 'base64') : bytes,
    )
  })
  socket.once('close', () => talker.close())
}

function send(socket: WebSocket, output: Readable, chunk: Buffer, base64: boolean): void {
  if (chunk.length === 0 || socket.readyState !== socket.OPEN) return
  socket.send(base64 ? chunk.toString('base64') : chunk)
  if (socket.bufferedAmount <= MOST_WAITING_BYTES) return
  output.pause()
  const timer = setInterval(() => {
    if (socket.readyState === socket.OPEN && socket.bufferedAmount > MOST_WAITING_BYTES) return
    clearInterval(timer)
    output.resume()
  }, LOOK_MS)
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}

const LONGEST_CHARACTER = 4

/** Keeps the beginning of a character whose end has not come yet. Bytes that are no UTF-8 pass as they are. */
export class CharacterCutter {
  #kept: Buffer = Buffer.alloc(0)

  take(chunk: Buffer): Buffer {
    const all = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    const whole = all.length - openBytes(all)
    this.#kept = all.subarray(whole)
    return all.subarray(0, whole)
  }

  rest(): Buffer {
    const rest = this.#kept
    this.#kept = Buffer.alloc(0)
    return rest
  }
}

/** How many bytes at the end begin a character without ending it (RFC 3629 §3). */
function openBytes(bytes: Buffer): number {
  for (let back = 1; back < LONGEST_CHARACTER && back <= bytes.length; back++) {
    const byte = bytes.readUInt8(bytes.length - back)
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue // within a character
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return length > back ? back : 0
  }
  return 0
}
