import type { CloudError } from '../../kernel/errors/cloud-error.ts'
import { nodeHttp } from '../../kernel/http/node-http.ts'
import type { Fault } from '../../kernel/http/service.ts'

/** Keystone's one fault format. */
export function identityFault(error: CloudError): Fault {
  return {
    body: {
      error: {
        code: error.status,
        message: error.message,
        title: nodeHttp.STATUS_CODES[error.status] ?? 'Error',
      },
    },
  }
}
