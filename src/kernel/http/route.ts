import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Static, TSchema } from 'typebox'
import type { Ctx } from '../ctx/ctx.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'

/**
 * An endpoint is one declaration: routing, version negotiation, validation, policy, OpenAPI and docs are all read from it.
 *
 * - `GET` answers `HEAD` too.
 * - Several routes may share method and path when their version ranges (`since`…`until`, both inclusive) or `action` differ.
 * - `action` is for `POST …/action`: the route whose action is the body's single key is called, with that key's value as body.
 * - `policy` names a rule of the service; `null` means that no token is needed (discovery, authentication).
 *   The rule is checked with the token's own project as target; ownership of the object is the store's affair (404).
 * - Schemas are strict; a violation is a 400 that names the field.
 */
export interface RouteSpec<P extends TSchema, Q extends TSchema, B extends TSchema> {
  readonly method: Method
  /** Below the service's mount, `:name` for parameters: `/servers/:id`. */
  readonly path: string
  readonly action?: string
  readonly since?: string
  readonly until?: string
  readonly policy: string | null
  /** The handler asks the rule: where a body that is wrong (400) or an object that may not be seen (404) comes before the 403. */
  readonly policyAskedByHandler?: boolean
  readonly params?: P
  /** Values arrive as strings and are coerced to the schema's types. Unknown keys pass unless the schema forbids them. */
  readonly query?: Q
  readonly body?: B
  /** The body is optional: without one the handler gets `undefined`. */
  readonly bodyOptional?: boolean
  /** The body reaches the handler as `req.stream`, unread and unlimited. */
  readonly streamed?: boolean
  /** Media types taken beside application/json. */
  readonly accepts?: readonly string[]
  /** Success status when the handler answers plain JSON; default 200, or 204 for `undefined`. */
  readonly status?: number
  /** One line for the documentation. */
  readonly summary?: string
  /** Default 1 MiB. */
  readonly maxBodyBytes?: number
  handle(ctx: Ctx, req: Req<Static<P>, Static<Q>, Static<B>>): Promise<unknown>
}

export interface Req<P = unknown, Q = unknown, B = unknown> {
  readonly params: P
  readonly query: Q
  /** Every query parameter as sent, repeated ones as lists in order: for services whose filters are open-ended. */
  readonly rawQuery: URLSearchParams
  readonly body: B
  readonly headers: IncomingHttpHeaders
  /** e.g. '2.96'; '' for services without microversions. */
  readonly version: string
  /** The request's body, for `streamed` routes. */
  readonly stream: Readable
  /** URL of the service's mount as the client reached it: `http://host:port/compute/v2.1`. */
  readonly serviceUrl: string
  /** Path and query as sent, without the mount: `/servers?limit=2`. */
  readonly url: string
  readonly remoteAddress: string
}

export type Route = RouteSpec<TSchema, TSchema, TSchema>

/** Declares an endpoint; only gives the handler its types. */
export function route<P extends TSchema, Q extends TSchema, B extends TSchema>(
  spec: RouteSpec<P, Q, B>,
): Route {
  return spec // the kernel validates a request before the handler sees it
}

/** An answer that is more than JSON with the declared status. */
export class Reply {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
  /** `body` may be a Readable, a Buffer or a string (sent as they are), or JSON. */
  constructor(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

export function reply(
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return new Reply(status, body, headers)
}
