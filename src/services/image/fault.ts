import type { CloudError } from '../../kernel/errors/cloud-error.ts'
import { nodeHttp } from '../../kernel/http/node-http.ts'
import type { Fault } from '../../kernel/http/service.ts'

/**
 * Glance's own faults are HTML or text. Ours are JSON with one nested object: glanceclient and openstacksdk both look for
 * `message` in the members of the body, and the former breaks on a flat one.
 */
export function imageFault(error: CloudError): Fault {
  const title = nodeHttp.STATUS_CODES[error.status] ?? 'Error'
  return { body: { error: { code: error.status, title, message: error.message } } }
}
