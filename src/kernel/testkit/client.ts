/** Speaks HTTP to a cloud under test with one token. Answers never throw: tests look at `status` and `body`. */
export class TestClient {
  readonly #url: string
  readonly #token: string | undefined
  readonly #headers: Readonly<Record<string, string>>

  constructor(
    url: string,
    token: string | undefined,
    headers: Readonly<Record<string, string>> = {},
  ) {
    this.#url = url
    this.#token = token
    this.#headers = headers
  }

  /** The same client, sending these headers too. */
  with(headers: Readonly<Record<string, string>>): TestClient {
    return new TestClient(this.#url, this.#token, { ...this.#headers, ...headers })
  }

  async get(path: string): Promise<Answer> {
    return await this.send('GET', path)
  }

  async post(path: string, body?: unknown): Promise<Answer> {
    return await this.send('POST', path, body)
  }

  async put(path: string, body?: unknown): Promise<Answer> {
    return await this.send('PUT', path, body)
  }

  async patch(path: string, body?: unknown): Promise<Answer> {
    return await this.send('PATCH', path, body)
  }

  async delete(path: string): Promise<Answer> {
    return await this.send('DELETE', path)
  }

  /** Strings and buffers are sent as they are, anything else as JSON. */
  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    const raw = typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(this.#url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(this.#token === undefined ? {} : { 'x-auth-token': this.#token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...this.#headers,
      },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }), // bytes and text are bodies
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    const json = response.headers.get('content-type')?.includes('json') === true && bytes.length > 0
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      body: json ? JSON.parse(bytes.toString()) : bytes.toString(),
    }
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly body: Json
}

// Tests read deep into answers whose shape is what they check: a loose type keeps them readable.
// oxlint-disable-next-line no-explicit-any
export type Json = any
