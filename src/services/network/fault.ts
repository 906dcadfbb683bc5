import { cloudError, type CloudError, type ErrorKind } from '../../kernel/errors/cloud-error.ts'
import type { Fault } from '../../kernel/http/service.ts'

/** Neutron's type names for errors that the kernel itself raises. */
const types: Readonly<Record<number, string>> = {
  400: 'HTTPBadRequest',
  401: 'HTTPUnauthorized',
  403: 'PolicyNotAuthorized',
  404: 'HTTPNotFound',
  405: 'HTTPMethodNotAllowed',
  409: 'HTTPConflict',
  412: 'HTTPPreconditionFailed',
  413: 'HTTPRequestEntityTooLarge',
  415: 'HTTPUnsupportedMediaType',
  501: 'HTTPNotImplemented',
  503: 'HTTPServiceUnavailable',
}

/** Neutron's one error format. */
export function networkFault(error: CloudError): Fault {
  const type = error.code ?? types[error.status] ?? 'HTTPInternalServerError'
  return { body: { NeutronError: { type, message: error.message, detail: '' } } }
}

/** An error of Neutron's: its kind, its type name on the wire, and what the user can do. */
export function neutronError(kind: ErrorKind, type: string, message: string): CloudError {
  return cloudError(kind, message, { code: type })
}

export const badRequest = (message: string): CloudError =>
  neutronError('badRequest', 'BadRequest', message)

export const invalidInput = (message: string): CloudError =>
  neutronError('badRequest', 'InvalidInput', `Invalid input for operation: ${message}`)

/** The value of one attribute of the body is wrong in a way that a schema cannot say. */
export const invalidValue = (attribute: string, reason: string): CloudError =>
  neutronError('badRequest', 'HTTPBadRequest', `Invalid input for ${attribute}. Reason: ${reason}`)
