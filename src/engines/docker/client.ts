import type { IncomingMessage } from 'node:http'
import { pipeline, type Duplex, type Readable } from 'node:stream'
import { nodeHttp } from '../../kernel/http/node-http.ts'

/**
 * A thin client of the Docker Engine API over its unix socket: no retries (the task runner retries), connections kept
 * alive, errors that say what the engine said. The lowest API version that both sides know is used, because its answers
 * are the ones this code was written against.
 */
const LOWEST_KNOWN = '1.41'
const DEFAULT_TIMEOUT_MS = 120_000

type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface CallOptions {
  readonly query?: Query
  readonly body?: unknown
  /** Sent as it is, chunked; ends the call with its own error when it breaks. */
  readonly upload?: Readable
  /** Silence allowed on the connection; 0 = any. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Beside those of the body; never logged. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A connection that is a stream in both directions now; `head` came with the answer. */
export interface Hijacked {
  readonly socket: Duplex
  readonly head: Buffer
}

export interface EngineVersion {
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion?: string
  readonly Arch: string
}

/** The engine refused a call. The message may reach a user, so the call itself stands beside it. */
export class DockerError extends Error {
  readonly call: string
  readonly status: number
  constructor(call: string, status: number, said: string) {
    super(`the Docker Engine says: ${said}`)
    this.name = 'DockerError'
    this.call = call
    this.status = status
  }
}

export function isDockerError(
  error: unknown,
  ...statuses: readonly number[]
): error is DockerError {
  return error instanceof DockerError && (statuses.length === 0 || statuses.includes(error.status))
}

export class DockerClient {
  readonly #socket: string
  readonly #agent = new nodeHttp.Agent({ keepAlive: true })
  #version: Promise<EngineVersion> | undefined
  #prefix: string | undefined

  constructor(socket: string) {
    this.#socket = socket
  }

  /** Asked once per connection to an engine: an upgraded engine is met after `forgetVersion`. */
  async version(): Promise<EngineVersion> {
    this.#version ??= this.#negotiate().catch((error: unknown) => {
      this.#version = undefined
      throw error
    })
    return await this.#version
  }

  forgetVersion(): void {
    this.#version = undefined
    this.#prefix = undefined
  }

  /** The answer's JSON. The engine's schema is versioned and trusted; callers name the part of it they read. */
  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const text = await textOf(await this.open(method, path, options))
    return JSON.parse(text) as T // trusted, see above
  }

  /** A call whose answer does not matter; «not modified» is success. */
  async send(method: string, path: string, options: CallOptions = {}): Promise<void> {
    await textOf(await this.open(method, path, options))
  }

  /** As `call`, but undefined when the object is not there. */
  async find<T>(path: string, options: CallOptions = {}): Promise<T | undefined> {
    try {
      return await this.call<T>('GET', path, options)
    } catch (error) {
      if (isDockerError(error, 404)) return undefined
      throw error
    }
  }

  /** The answer as a stream, which the caller must read or destroy. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    if (this.#prefix === undefined) await this.version()
    const response = await this.#request(
      method,
      `${this.#prefix}${path}${encode(options.query)}`,
      options,
    )
    const status = response.statusCode ?? 500
    if (status < 400) return response
    throw new DockerError(`${method} ${path}`, status, messageOf(await textOf(response)))
  }

  /** A call after which the connection carries a stream both ways. The caller must end or destroy it. */
  async hijack(path: string, options: { query?: Query; body?: unknown } = {}): Promise<Hijacked> {
    if (this.#prefix === undefined) await this.version()
    const body = options.body === undefined ? undefined : JSON.stringify(options.body)
    const whole = `${this.#prefix}${path}${encode(options.query)}`
    return await new Promise((resolve, reject) => {
      const sent = nodeHttp.request({
        socketPath: this.#socket,
        agent: false,
        method: 'POST',
        path: whole,
        headers: { ...headersOf(body, undefined), connection: 'Upgrade', upgrade: 'tcp' },
      })
      sent.on('upgrade', (_response, socket, head) => {
        socket.setTimeout(0)
        resolve({ socket, head })
      })
      sent.on('response', (response) => {
        const status = response.statusCode ?? 500
        textOf(response)
          .then((text) => reject(new DockerError(`POST ${path}`, status, messageOf(text))))
          .catch(reject)
      })
      sent.on('error', (cause) => reject(this.#noAnswer('POST', whole, cause)))
      sent.setTimeout(DEFAULT_TIMEOUT_MS, () => sent.destroy(new Error('silent')))
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #noAnswer(method: string, path: string, cause: Error): Error {
    const said = `no answer from the Docker Engine at ${this.#socket} to ${method} ${path}`
    return new Error(said, { cause })
  }

  async #negotiate(): Promise<EngineVersion> {
    const text = await textOf(await this.#request('GET', '/version', {}))
    const version = JSON.parse(text) as EngineVersion // trusted, as in `call`
    if (compare(version.ApiVersion, LOWEST_KNOWN) < 0) {
      throw new Error(
        `Docker Engine ${version.Version} speaks API ${version.ApiVersion}; ${LOWEST_KNOWN} (Docker 20.10) or later is needed`,
      )
    }
    const lowest = version.MinAPIVersion ?? LOWEST_KNOWN
    this.#prefix = `/v${compare(lowest, LOWEST_KNOWN) > 0 ? lowest : LOWEST_KNOWN}`
    return version
  }

  async #request(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body)
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    return await new Promise((resolve, reject) => {
      const sent = nodeHttp.request({
        socketPath: this.#socket,
        agent: this.#agent,
        method,
        path,
        headers: { ...headersOf(body, options.upload), ...options.headers },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
      sent.on('response', resolve)
      sent.on('error', (cause) => reject(this.#noAnswer(method, path, cause)))
      sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`silent for ${timeoutMs / 1000} s`)))
      if (options.upload === undefined) sent.end(body)
      else {
        options.upload.once('error', reject) // before the request's own error, which only says that it was cut
        pipeline(options.upload, sent, () => undefined)
      }
    })
  }
}

function headersOf(body: string | undefined, upload: Readable | undefined): Record<string, string> {
  if (upload !== undefined) return { 'content-type': 'application/x-tar' }
  if (body === undefined) return {}
  return { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
}

export async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** JSON objects, one per line, as the engine streams progress and events. */
export async function* jsonLines<T>(stream: AsyncIterable<Buffer>): AsyncGenerator<T> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T // trusted, as in `call`
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as T // trusted, as in `call`
}

function messageOf(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed)
      return String(parsed.message)
  } catch {
    // not JSON: the text itself is what the engine said
  }
  return text.trim() || 'no reason given'
}

function encode(query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function compare(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number)
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number)
  return aMajor - bMajor || aMinor - bMinor
}
