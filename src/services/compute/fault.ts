import type { CloudError } from '../../kernel/errors/cloud-error.ts'
import type { Fault } from '../../kernel/http/service.ts'

/** Nova names a fault by its HTTP status. */
const NAMES: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  406: 'notAcceptable',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
}

/** `{ "itemNotFound": { "code": 404, "message": … } }`; a limit also says when to come back, because clients sleep by it. */
export function computeFault(error: CloudError): Fault {
  const name = NAMES[error.status] ?? 'computeFault'
  const retryAfter =
    error.headers['Retry-After'] ?? (name === 'overLimit' && error.status === 429 ? '1' : undefined)
  return {
    body: {
      [name]: {
        code: error.status,
        message: error.message,
        ...(retryAfter === undefined ? {} : { retryAfter }),
      },
    },
    ...(retryAfter === undefined ? {} : { headers: { 'Retry-After': retryAfter } }),
  }
}
