import { STATUS_CODES } from 'node:http'
import type { CloudError } from '../../kernel/errors/cloud-error.ts'
import type { Fault } from '../../kernel/http/service.ts'

/** Keystone's one fault format. */
export function identityFault(error: CloudError): Fault {
  return {
    body: {
      error: {
        code: error.status,
        message: error.message,
        title: STATUS_CODES[error.status] ?? 'Error',
      },
    },
  }
}
