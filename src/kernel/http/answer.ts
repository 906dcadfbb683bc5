import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CloudError } from '../errors/cloud-error.ts'
import { baseUrlOf } from './base-url.ts'
import { Reply, type Route } from './route.ts'
import type { ServiceDefinition } from './service.ts'

/** Sends what a handler answered: JSON with the declared status, or a `Reply` as it is. */
export function send(answer: FastifyReply, route: Route, result: unknown): FastifyReply {
  const usual = route.status ?? (result === undefined ? 204 : 200)
  const { status, headers, body } = result instanceof Reply ? result : new Reply(usual, result)
  answer.code(status).headers(headers)
  const asItIs =
    body instanceof Readable ||
    Buffer.isBuffer(body) ||
    (typeof body === 'string' && answer.hasHeader('content-type'))
  if (body === undefined || asItIs) return answer.send(body)
  return answer.header('content-type', 'application/json').send(JSON.stringify(body))
}

/** Sends an error in the fault format of the service, or a plain one outside all of them. */
export async function fail(
  service: ServiceDefinition | undefined,
  request: FastifyRequest,
  answer: FastifyReply,
  error: CloudError,
  requestId: string,
): Promise<FastifyReply> {
  const fault = service?.fault(error, requestId) ?? {
    body: { error: { code: error.status, message: error.message } },
  }
  answer.code(error.status).headers({
    'x-openstack-request-id': requestId,
    'content-type': 'application/json',
    ...error.headers,
    ...fault.headers,
  })
  if (error.status === 401) {
    answer.header('WWW-Authenticate', `Keystone uri="${baseUrlOf(request)}/identity"`)
  }
  if (!request.raw.complete) {
    // an upload that nobody will read: let the client send on so that it gets to read the answer, then part
    request.raw.resume()
    answer.header('Connection', 'close')
  }
  return await answer.send(request.method === 'HEAD' ? '' : JSON.stringify(fault.body))
}
