import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { can, type Ctx } from '../ctx/ctx.ts'
import type { Who } from '../ctx/who.ts'
import { cloudError, isCloudError, type CloudError } from '../errors/cloud-error.ts'
import type { AuditLog } from '../events/audit.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { fail, send } from './answer.ts'
import { baseUrlOf } from './base-url.ts'
import { chooseRoute } from './choose-route.ts'
import { negotiate, versionHeaders } from './microversion.ts'
import type { Req, Route } from './route.ts'
import type { ServiceDefinition } from './service.ts'
import { validate } from './validate.ts'
import { upgrade, Upgrade } from './websocket.ts'

export interface HttpConfig {
  readonly services: readonly ServiceDefinition[]
  /** Context of a request, without its asker. */
  readonly ctx: (request: Partial<Ctx>) => Ctx
  /** Who the token belongs to; undefined when it is not valid. */
  readonly authenticate: (ctx: Ctx, token: string) => Promise<Who | undefined>
  readonly audit: AuditLog
  readonly metrics: Metrics
}

export const newRequestId = (): string => `req-${randomUUID()}`

/** What is known of a request on its way: filled in step by step, so that a failure can be told with what was known. */
interface Passage {
  readonly started: number
  ctx: Ctx
  version: string
  policy: string | null
}

/** What the path of a request is: one of a service's, with all its routes. */
export interface Endpoint {
  readonly service: ServiceDefinition
  readonly routes: readonly Route[]
  /** By name, as they stand in the path. */
  readonly params: Readonly<Record<string, string>>
}

/** One request through all of it: who asks, which version, which route, may he, is it well-formed, and only then the handler. */
export async function serve(
  config: HttpConfig,
  endpoint: Endpoint,
  request: FastifyRequest,
  answer: FastifyReply,
): Promise<FastifyReply> {
  const { service } = endpoint
  const passage = enter(config, service, request, answer)
  try {
    const [route, result] = await handle(config, endpoint, request, passage)
    setVersionHeaders(answer, service, passage)
    const taken = result instanceof Upgrade
    const sent = taken ? upgrade(request, answer, result) : send(answer, route, result)
    finish(config, service, request, passage, taken ? 101 : answer.statusCode)
    return await sent
  } catch (error) {
    const known = asCloudError(passage.ctx, error)
    setVersionHeaders(answer, service, passage)
    const sent = fail(service, request, answer, known, passage.ctx.requestId)
    finish(config, service, request, passage, known.status, known.message)
    return await sent
  }
}

function enter(
  config: HttpConfig,
  service: ServiceDefinition,
  request: FastifyRequest,
  answer: FastifyReply,
): Passage {
  const requestId = newRequestId()
  answer.header('x-openstack-request-id', requestId)
  if (service.requestIdHeader !== undefined) answer.header(service.requestIdHeader, requestId)
  const baseUrl = baseUrlOf(request)
  const ctx = config.ctx({
    requestId,
    ...globalId(request),
    baseUrl,
    signal: goneSignal(answer.raw),
  })
  return {
    started: performance.now(),
    ctx,
    version: service.microversions?.min ?? '',
    policy: null,
  }
}

async function handle(
  config: HttpConfig,
  { service, routes, params }: Endpoint,
  request: FastifyRequest,
  passage: Passage,
): Promise<[Route, unknown]> {
  const who = await authenticated(config, passage.ctx, request, routes)
  passage.ctx = { ...passage.ctx, who }
  const range = service.microversions
  if (range !== undefined) passage.version = negotiate(range, request.headers)
  const { route, body } = await chooseRoute(routes, passage.version, request.raw)
  passage.policy = route.policy
  const atDoor = route.policy !== null && route.policyAskedByHandler !== true
  if (atDoor && !can(passage.ctx, route.policy, params)) {
    throw cloudError('forbidden', `Policy doesn't allow ${route.policy} to be performed.`)
  }
  const req = requestOf(service, passage, route, request, { ...params }, body)
  return [route, await route.handle(passage.ctx, req)]
}

function setVersionHeaders(
  answer: FastifyReply,
  service: ServiceDefinition,
  passage: Passage,
): void {
  if (service.microversions !== undefined) {
    answer.headers(versionHeaders(service.microversions, passage.version))
  }
}

function globalId(request: FastifyRequest): { globalRequestId?: string } {
  const sent = request.headers['x-openstack-request-id']
  const wellFormed = typeof sent === 'string' && /^req-[0-9a-f-]{36}$/.test(sent)
  return wellFormed ? { globalRequestId: sent } : {}
}

/** The signal fires when the client hangs up before it got its answer. */
function goneSignal(raw: ServerResponse): AbortSignal {
  const abort = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) abort.abort(new Error('the client went away'))
  })
  return abort.signal
}

async function authenticated(
  config: HttpConfig,
  ctx: Ctx,
  request: FastifyRequest,
  routes: readonly Route[],
): Promise<Who | undefined> {
  const token = request.headers['x-auth-token']
  const open = routes.every((route) => route.policy === null)
  if (typeof token !== 'string' || token === '') {
    if (open) return undefined
    throw cloudError('unauthorized', 'The request you have made requires authentication.')
  }
  const who = await config.authenticate(ctx, token)
  if (who === undefined && !open) {
    throw cloudError(
      'unauthorized',
      'The token is not valid: it is unknown, expired or revoked. Authenticate again.',
    )
  }
  return who
}

function requestOf(
  service: ServiceDefinition,
  { ctx, version }: Passage,
  route: Route,
  request: FastifyRequest,
  params: Record<string, string>,
  body: unknown,
): Req {
  const at = request.url.indexOf('?')
  const rawQuery = new URLSearchParams(at < 0 ? '' : request.url.slice(at + 1))
  const query = route.query === undefined ? {} : queryObject(rawQuery)
  if (route.params !== undefined) validate(route.params, params, 'text', 'path')
  if (route.query !== undefined) validate(route.query, query, 'text', 'query')
  if (route.body !== undefined && !(body === undefined && route.bodyOptional === true)) {
    validate(route.body, body, 'body', 'body')
  }
  return {
    params,
    query,
    body,
    rawQuery,
    version,
    headers: request.headers,
    stream: request.raw,
    serviceUrl: ctx.baseUrl + service.mount,
    url: request.url.slice(service.mount.length),
    remoteAddress: request.ip,
  }
}

function queryObject(query: URLSearchParams): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key)
    object[key] = values.length === 1 ? values[0] : values
  }
  return object
}

function asCloudError(ctx: Ctx, error: unknown): CloudError {
  const { requestId } = ctx
  if (isCloudError(error)) {
    if (error.status >= 500) {
      ctx.log.error({ err: error, internal: error.internal, requestId }, 'request failed')
    }
    return error
  }
  ctx.log.error({ err: error, requestId }, 'request failed unexpectedly')
  const message = `Unexpected error. Give the operator this request id: ${requestId}.`
  return cloudError('internal', message, { cause: error })
}

function finish(
  config: HttpConfig,
  service: ServiceDefinition,
  request: FastifyRequest,
  { ctx, policy, started }: Passage,
  status: number,
  reason?: string,
): void {
  const ms = performance.now() - started
  const { method, url } = request
  const labels = { service: service.name, method, status: `${Math.floor(status / 100)}xx` }
  config.metrics.requests.observe(labels, ms / 1000)
  const { requestId, who } = ctx
  ctx.log.debug(
    { method, url, status, ms: Math.round(ms), requestId, user: who?.userId },
    'request',
  )
  if (policy !== null && method !== 'GET' && method !== 'HEAD') {
    const event = { action: policy, target: url, outcome: status }
    config.audit.add(ctx, reason === undefined ? event : { ...event, reason })
  }
}
