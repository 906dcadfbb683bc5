/**
 * The closed set of error kinds. Code throws a `CloudError` of one of these; HTTP is the last step: each service turns the
 * kind into its own fault body in one function (its `fault`). `message` is for the user and must say what he can do;
 * `internal` and `cause` are for the log only.
 */
export const statusOf = {
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  notAcceptable: 406,
  conflict: 409,
  gone: 410,
  preconditionFailed: 412,
  tooLarge: 413,
  unsupportedMediaType: 415,
  rangeNotSatisfiable: 416,
  tooManyRequests: 429,
  quotaExceeded: 403,
  notImplemented: 501,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<string, number>

export type ErrorKind = keyof typeof statusOf

export interface CloudErrorOptions {
  /** Client-visible, stable word; e.g. Neutron's fault type `NetworkInUse`. */
  readonly code?: string | undefined
  /** HTTP status where the original differs from the kind's usual one. */
  readonly status?: number | undefined
  readonly cause?: unknown
  /** For the log only. */
  readonly internal?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export class CloudError extends Error {
  readonly kind: ErrorKind
  readonly code: string | undefined
  readonly status: number
  readonly internal: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(kind: ErrorKind, message: string, options: CloudErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CloudError'
    this.kind = kind
    this.code = options.code
    this.status = options.status ?? statusOf[kind]
    this.internal = options.internal
    this.headers = options.headers ?? {}
  }
}

export function cloudError(
  kind: ErrorKind,
  message: string,
  options: CloudErrorOptions = {},
): CloudError {
  return new CloudError(kind, message, options)
}

export function isCloudError(error: unknown, kind?: ErrorKind): error is CloudError {
  return error instanceof CloudError && (kind === undefined || error.kind === kind)
}

/** The whole chain of causes in one line: `starting sandbox: create container: no such image`. */
export function reasonOf(error: unknown): string {
  const parts: string[] = []
  let at: unknown = error
  while (at instanceof Error && parts.length < 8) {
    if (at.message !== '' && !parts.at(-1)?.endsWith(at.message)) parts.push(at.message)
    at = at.cause
  }
  return parts.length > 0 ? parts.join(': ') : String(error)
}
