import { request } from 'node:http'
import type { Readable } from 'node:stream'

/** The few calls of the Docker Engine API that the commands need: to look, to build the demo's image, to clean up. */
export interface DockerApi {
  /** Version of the engine, or undefined when none answers. */
  version(): Promise<string | undefined>
  /** The body is a tar. */
  call(method: string, path: string, body?: Buffer): Promise<DockerAnswer>
  post(path: string, body: Readonly<Record<string, unknown>>): Promise<DockerAnswer>
  /** Parsed JSON of a GET; any status but 200 throws. */
  get<T>(path: string): Promise<T>
  /** DELETE where «not there» is success. */
  remove(path: string): Promise<void>
  stream(path: string): Promise<Readable>
}

export interface DockerAnswer {
  readonly status: number
  readonly text: string
}

// Old enough for the engines we support, and still spoken by the newest.
const API = '/v1.41'
const PING_MS = 2000
const CALL_MS = 120_000

export function dockerApi(socketPath: string): DockerApi {
  const answered = async (wish: Call): Promise<DockerAnswer> => {
    const { status, stream } = await open(wish)
    return { status, text: await textOf(stream) }
  }
  const call = async (method: string, path: string, body?: Buffer, timeout?: number) =>
    await answered({ socketPath, method, path, body, timeout })
  const checked = async (
    method: string,
    path: string,
    fine: readonly number[],
  ): Promise<string> => {
    const { status, text } = await call(method, path)
    if (fine.includes(status)) return text
    throw new Error(`Docker answered ${status} to ${method} ${path}: ${text.trim()}`)
  }
  return {
    call,
    post: async (path, wish) => {
      const body = Buffer.from(JSON.stringify(wish))
      return await answered({ socketPath, method: 'POST', path, body, type: 'application/json' })
    },
    version: async () => {
      const answer = await call('GET', '/version', undefined, PING_MS).catch(() => undefined)
      if (answer?.status !== 200) return undefined
      return /"Version":"([^"]+)"/.exec(answer.text)?.[1]
    },
    // The caller names the part of the documented answer that it reads.
    get: async <T>(path: string) => JSON.parse(await checked('GET', path, [200])) as T,
    remove: async (path) => void (await checked('DELETE', path, [200, 204, 404])),
    stream: async (path) => {
      const { status, stream } = await open({ socketPath, method: 'GET', path })
      if (status === 200) return stream
      throw new Error(`Docker answered ${status} to GET ${path}: ${(await textOf(stream)).trim()}`)
    },
  }
}

interface Call {
  readonly socketPath: string
  readonly method: string
  readonly path: string
  readonly body?: Buffer | undefined
  readonly type?: string
  readonly timeout?: number | undefined
}

async function open(wish: Call): Promise<{ status: number; stream: Readable }> {
  const { socketPath, method, path, body, type = 'application/x-tar', timeout = CALL_MS } = wish
  const headers = body === undefined ? {} : { 'content-type': type, 'content-length': body.length }
  return await new Promise((resolve, reject) => {
    const options = { socketPath, method, path: `${API}${path}`, headers, timeout }
    const sent = request(options, (answer) =>
      resolve({ status: answer.statusCode ?? 0, stream: answer }),
    )
    sent.once('timeout', () => sent.destroy(new Error(`Docker did not answer ${method} ${path}`)))
    sent.once('error', reject)
    sent.end(body)
  })
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}
