import type { CloudError, ErrorKind } from '../../kernel/errors/cloud-error.ts'
import type { Fault } from '../../kernel/http/service.ts'
import { containerMicroversions } from './versions.ts'

/** Zun makes its codes from the names of its exceptions; one per kind, unless the thrower named a better one. */
const CODES: Partial<Readonly<Record<ErrorKind, string>>> = {
  badRequest: 'invalid-value',
  unauthorized: 'not-authorized',
  forbidden: 'policy-not-authorized',
  notFound: 'resource-not-found',
  methodNotAllowed: 'method-not-allowed',
  notAcceptable: 'microversion-unsupported',
  conflict: 'conflict',
  quotaExceeded: 'quota-exceeded',
}

/** Zun's `{ errors: [...] }`. Clients show `title` and `detail`, so both say what happened. */
export function containerFault(error: CloudError, requestId: string): Fault {
  const { min, max } = containerMicroversions
  return {
    body: {
      errors: [
        {
          request_id: requestId,
          code: `container.${error.code ?? CODES[error.kind] ?? 'server-error'}`,
          status: error.status,
          title: error.message,
          detail: error.message,
          links: [],
          ...(error.kind === 'notAcceptable' ? { min_version: min, max_version: max } : {}),
        },
      ],
    },
  }
}
