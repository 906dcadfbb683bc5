import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { can, type Ctx, type Who } from '../ctx/ctx.ts'
import { CloudError, cloudError, isCloudError, reasonOf } from '../errors/cloud-error.ts'
import type { AuditLog } from '../events/audit.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { readJson } from './body.ts'
import { negotiate, versionHeaders, within } from './microversion.ts'
import { Reply, type Method, type Req, type Route } from './route.ts'
import type { ServiceDefinition } from './service.ts'
import { validate } from './validate.ts'

export interface HttpConfig {
  readonly services: readonly ServiceDefinition[]
  /** Context of a request, without its asker. */
  readonly ctx: (request: { requestId: string; globalRequestId?: string; baseUrl: string; signal: AbortSignal }) => Ctx
  /** Who the token belongs to; undefined when it is not valid. */
  readonly authenticate: (ctx: Ctx, token: string) => Promise<Who | undefined>
  readonly audit: AuditLog
  readonly metrics: Metrics
}

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** One fastify instance for all services; bodies are left unread, each route says how it wants them. */
export function createHttpServer(config: HttpConfig): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 4096, caseSensitive: true },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, next) => next(null))
  for (const service of config.services) mountService(app, config, service)
  app.setNotFoundHandler((request, answer) => notFound(config, request, answer))
  app.setErrorHandler((error, request, answer) => {
    // what fastify itself refuses before a route is entered: bad URLs, unreadable headers
    const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
    const kind = status < 500 ? 'badRequest' : 'internal'
    void fail(config, serviceOf(config, request.url), request, answer, cloudError(kind, status < 500 ? reasonOf(error) : 'Unexpected error.', { cause: error, status }), newRequestId())
  })
  return app
}

function mountService(app: FastifyInstance, config: HttpConfig, service: ServiceDefinition): void {
  const groups = new Map<string, Route[]>()
  for (const route of service.routes) {
    const methods: readonly Method[] = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]
    for (const method of methods) {
      const name = `${method} ${route.path}`
      if (method === 'HEAD' && route.method === 'GET' && service.routes.some((other) => other.method === 'HEAD' && other.path === route.path)) continue
      groups.set(name, [...(groups.get(name) ?? []), route])
    }
  }
  const paths = new Set(service.routes.map((route) => route.path))
  for (const path of paths) {
    const allowed = METHODS.filter((method) => groups.has(`${method} ${path}`))
    for (const method of METHODS) {
      const routes = groups.get(`${method} ${path}`)
      const handler = routes === undefined
        ? methodNotAllowed(config, service, allowed)
        : async (request: FastifyRequest, answer: FastifyReply) => await serve(config, service, routes, request, answer)
      app.route({ method, url: service.mount + path || '/', exposeHeadRoute: false, handler })
    }
  }
}

function methodNotAllowed(config: HttpConfig, service: ServiceDefinition, allowed: readonly Method[]) {
  return async (request: FastifyRequest, answer: FastifyReply): Promise<FastifyReply> => {
    const error = cloudError('methodNotAllowed', `${request.method} is not allowed here; allowed: ${allowed.join(', ')}.`, { headers: { Allow: allowed.join(', ') } })
    return await fail(config, service, request, answer, error, newRequestId())
  }
}

const newRequestId = (): string => `req-${randomUUID()}`

async function serve(
  config: HttpConfig,
  service: ServiceDefinition,
  routes: readonly Route[],
  request: FastifyRequest,
  answer: FastifyReply,
): Promise<FastifyReply> {
  const started = performance.now()
  const requestId = newRequestId()
  let version = service.microversions?.min ?? ''
  let ctx = config.ctx({ requestId, ...globalId(request), baseUrl: baseUrlOf(request), signal: goneSignal(answer.raw) })
  let policy: string | null = null
  try {
    answer.header('x-openstack-request-id', requestId)
    if (service.requestIdHeader !== undefined) answer.header(service.requestIdHeader, requestId)
    ctx = { ...ctx, who: await authenticated(config, ctx, request, routes) }
    if (service.microversions !== undefined) {
      version = negotiate(service.microversions, request.headers)
    }
    const { route, body } = await choose(routes, version, request)
    policy = route.policy
    if (policy !== null && !can(ctx, policy, request.params as Record<string, unknown>)) { // path parameters are strings
      throw cloudError('forbidden', `Policy doesn't allow ${policy} to be performed.`)
    }
    const result = await route.handle(ctx, requestOf(service, ctx, route, request, version, body))
    if (service.microversions !== undefined) answer.headers(versionHeaders(service.microversions, version))
    const sent = send(answer, route, result)
    finished(config, service, request, ctx, answer.statusCode, started, policy)
    return await sent
  } catch (error) {
    if (service.microversions !== undefined) answer.headers(versionHeaders(service.microversions, version))
    const known = asCloudError(ctx, error)
    const sent = fail(config, service, request, answer, known, requestId)
    finished(config, service, request, ctx, known.status, started, policy, known.message)
    return await sent
  }
}

function globalId(request: FastifyRequest): { globalRequestId?: string } {
  const sent = request.headers['x-openstack-request-id']
  return typeof sent === 'string' && /^req-[0-9a-f-]{36}$/.test(sent) ? { globalRequestId: sent } : {}
}

/** The signal fires when the client hangs up before it got its answer. */
function goneSignal(raw: ServerResponse): AbortSignal {
  const abort = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) abort.abort(new Error('the client went away'))
  })
  return abort.signal
}

async function authenticated(config: HttpConfig, ctx: Ctx, request: FastifyRequest, routes: readonly Route[]): Promise<Who | undefined> {
  const token = request.headers['x-auth-token']
  const open = routes.every((route) => route.policy === null)
  if (typeof token !== 'string' || token === '') {
    if (open) return undefined
    throw cloudError('unauthorized', 'The request you have made requires authentication.')
  }
  const who = await config.authenticate(ctx, token)
  if (who === undefined && !open) {
    throw cloudError('unauthorized', 'The token is not valid: it is unknown, expired or revoked. Authenticate again.')
  }
  return who
}

/** Version first, then, among `action` routes, the body's key. */
async function choose(routes: readonly Route[], version: string, request: FastifyRequest): Promise<{ route: Route; body: unknown }> {
  const fitting = routes.filter((route) => version === '' || within(version, route.since, route.until))
  const first = fitting[0]
  if (first === undefined) {
    throw cloudError('notFound', `The resource could not be found in API version ${version}.`)
  }
  if (first.streamed === true) return { route: first, body: undefined }
  const expects = first.body !== undefined || first.action !== undefined
  const body = await readJson(request.raw, {
    ...(first.maxBodyBytes === undefined ? {} : { maxBytes: first.maxBodyBytes }),
    ...(first.accepts === undefined ? {} : { accepts: first.accepts }),
  })
  if (first.action === undefined) {
    if (expects && body === undefined && first.bodyOptional !== true) throw cloudError('badRequest', 'The request needs a JSON body.')
    return { route: first, body: expects ? body : undefined }
  }
  const keys = typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.keys(body) : []
  const route = fitting.find((candidate) => candidate.action === keys[0])
  if (keys.length !== 1 || route === undefined) {
    const all = fitting.map((candidate) => candidate.action).join(', ')
    throw cloudError('badRequest', keys.length === 1 ? `There is no such action: ${String(keys[0]).slice(0, 60)}. There are: ${all}.` : 'The body must hold exactly one action.')
  }
  return { route, body: (body as Record<string, unknown>)[keys[0] ?? ''] } // an object: its keys were just read
}

function requestOf(service: ServiceDefinition, ctx: Ctx, route: Route, request: FastifyRequest, version: string, body: unknown): Req {
  const at = request.url.indexOf('?')
  const rawQuery = new URLSearchParams(at < 0 ? '' : request.url.slice(at + 1))
  const query = route.query === undefined ? {} : queryObject(rawQuery)
  const params = route.params === undefined ? request.params : { ...(request.params as Record<string, string>) }
  if (route.params !== undefined) validate(route.params, params, 'text', 'path')
  if (route.query !== undefined) validate(route.query, query, 'text', 'query')
  if (route.body !== undefined && !(body === undefined && route.bodyOptional === true)) validate(route.body, body, 'body', 'body')
  const serviceUrl = ctx.baseUrl + service.mount
  return {
    params, query, rawQuery, body, version, serviceUrl, headers: request.headers, stream: request.raw,
    url: request.url.slice(service.mount.length), remoteAddress: request.ip,
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

function send(answer: FastifyReply, route: Route, result: unknown): FastifyReply {
  const full = result instanceof Reply ? result : new Reply(route.status ?? (result === undefined ? 204 : 200), result)
  answer.code(full.status).headers(full.headers)
  const { body } = full
  if (body === undefined) return answer.send()
  if (body instanceof Readable || body instanceof PassThrough || Buffer.isBuffer(body)) return answer.send(body)
  if (typeof body === 'string' && answer.hasHeader('content-type')) return answer.send(body)
  answer.header('content-type', 'application/json')
  return answer.send(JSON.stringify(body))
}

function asCloudError(ctx: Ctx, error: unknown): CloudError {
  if (isCloudError(error)) {
    if (error.status >= 500) ctx.log.error({ err: error, internal: error.internal, requestId: ctx.requestId }, 'request failed')
    return error
  }
  ctx.log.error({ err: error, requestId: ctx.requestId }, 'request failed unexpectedly')
  return cloudError('internal', `Unexpected error. Give the operator this request id: ${ctx.requestId}.`, { cause: error })
}

async function fail(config: HttpConfig, service: ServiceDefinition | undefined, request: FastifyRequest, answer: FastifyReply, error: CloudError, requestId: string): Promise<FastifyReply> {
  const fault = service?.fault(error, requestId) ?? { body: { error: { code: error.status, message: error.message } } }
  answer.code(error.status).headers({ 'x-openstack-request-id': requestId, 'content-type': 'application/json', ...error.headers, ...fault.headers })
  if (error.status === 401) answer.header('WWW-Authenticate', `Keystone uri="${baseUrlOf(request)}/identity"`)
  if (!request.raw.complete) {
    // an unread upload: drain a little so that the client can read the answer, then let go
    request.raw.resume()
    answer.header('Connection', 'close')
  }
  return await answer.send(request.method === 'HEAD' ? '' : JSON.stringify(fault.body))
}

function finished(config: HttpConfig, service: ServiceDefinition, request: FastifyRequest, ctx: Ctx, status: number, started: number, policy: string | null, reason?: string): void {
  const ms = performance.now() - started
  config.metrics.requests.observe({ service: service.name, method: request.method, status: `${Math.floor(status / 100)}xx` }, ms / 1000)
  ctx.log.debug({ method: request.method, url: request.url, status, ms: Math.round(ms * 10) / 10, requestId: ctx.requestId, user: ctx.who?.userId }, 'request')
  if (policy !== null && request.method !== 'GET' && request.method !== 'HEAD') {
    config.audit.add(ctx, { action: policy, target: request.url, outcome: status, ...(reason === undefined ? {} : { reason }) })
  }
}

async function notFound(config: HttpConfig, request: FastifyRequest, answer: FastifyReply): Promise<FastifyReply> {
  return await fail(config, serviceOf(config, request.url), request, answer, cloudError('notFound', 'The resource could not be found.'), newRequestId())
}

/** The service whose mount the path begins with: even a 404 speaks its fault format. */
function serviceOf(config: HttpConfig, url: string): ServiceDefinition | undefined {
  return config.services
    .filter((service) => service.mount !== '' && url.startsWith(service.mount))
    .toSorted((a, b) => b.mount.length - a.mount.length)[0]
}

/** Scheme, host and prefix the client used, a proxy's word first (clients depend on true self links). */
export function baseUrlOf(request: FastifyRequest): string {
  const first = (name: string): string | undefined => {
    const value = request.headers[name]
    return typeof value === 'string' && value !== '' ? value.split(',')[0]?.trim() : undefined
  }
  const scheme = first('x-forwarded-proto') ?? 'http'
  const host = first('x-forwarded-host') ?? request.headers.host ?? 'localhost'
  return `${scheme}://${host}${(first('x-forwarded-prefix') ?? '').replace(/\/+$/, '')}`
}
