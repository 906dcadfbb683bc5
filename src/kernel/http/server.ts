import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { cloudError, reasonOf } from '../errors/cloud-error.ts'
import { fail } from './answer.ts'
import type { Method, Route } from './route.ts'
import { newRequestId, serve, type HttpConfig } from './serve.ts'
import type { ServiceDefinition } from './service.ts'
import { hangUpOnSilent } from './silent-connections.ts'
import { acceptWebsockets, asksForWebsocket } from './websocket.ts'

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** One fastify instance for all services; bodies are left unread, each route says how it wants them. */
export function createHttpServer(config: HttpConfig): FastifyInstance {
  const app = fastify({
    logger: false,
    http: { shouldUpgradeCallback: asksForWebsocket },
    bodyLimit: Number.MAX_SAFE_INTEGER,
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: 4096,
      caseSensitive: true,
    },
  })
  acceptWebsockets(app)
  hangUpOnSilent(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, next) => next(null))
  for (const service of config.services) mountService(app, config, service)
  app.setNotFoundHandler(async (request, answer) => {
    const error = cloudError('notFound', 'The resource could not be found.')
    return await fail(serviceOf(config, request.url), request, answer, error, newRequestId())
  })
  app.setErrorHandler(async (error, request, answer) => {
    const refused = refusedByFastify(error)
    return await fail(serviceOf(config, request.url), request, answer, refused, newRequestId())
  })
  return app
}

/** What fastify itself refuses before a route is entered: bad URLs, unreadable headers. */
function refusedByFastify(error: unknown): ReturnType<typeof cloudError> {
  const said = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  return said < 500
    ? cloudError('badRequest', reasonOf(error), { cause: error, status: said })
    : cloudError('internal', 'Unexpected error.', { cause: error })
}

/** One entry per path for all methods: a fastify route is dear (some kilobytes and some microseconds at start). */
function mountService(app: FastifyInstance, config: HttpConfig, service: ServiceDefinition): void {
  const groups = groupRoutes(service)
  for (const path of new Set(service.routes.map((route) => route.path))) {
    const allowed = METHODS.filter((method) => groups.has(`${method} ${path}`))
    app.route({
      method: [...METHODS],
      url: service.mount + path || '/',
      exposeHeadRoute: false,
      handler: async (request, answer) => {
        const routes = groups.get(`${request.method} ${path}`)
        return routes === undefined
          ? await refuseMethod(service, allowed, request, answer)
          : await serve(config, service, routes, request, answer)
      },
    })
  }
}

/** Routes by method and path. A GET answers HEAD too, unless the service declares that itself. */
function groupRoutes(service: ServiceDefinition): ReadonlyMap<string, readonly Route[]> {
  const groups = new Map<string, Route[]>()
  const add = (name: string, route: Route): void => {
    groups.set(name, [...(groups.get(name) ?? []), route])
  }
  for (const route of service.routes) add(`${route.method} ${route.path}`, route)
  for (const route of service.routes) {
    const declared = service.routes.some(
      ({ method, path }) => method === 'HEAD' && path === route.path,
    )
    if (route.method === 'GET' && !declared) add(`HEAD ${route.path}`, route)
  }
  return groups
}

async function refuseMethod(
  service: ServiceDefinition,
  allowed: readonly Method[],
  request: FastifyRequest,
  answer: FastifyReply,
): Promise<FastifyReply> {
  const list = allowed.join(', ')
  const message = `${request.method} is not allowed here; allowed: ${list}.`
  const error = cloudError('methodNotAllowed', message, { headers: { Allow: list } })
  return await fail(service, request, answer, error, newRequestId())
}

/** The service whose mount the path begins with: even a 404 speaks its fault format. */
function serviceOf(config: HttpConfig, url: string): ServiceDefinition | undefined {
  return config.services
    .filter((service) => service.mount !== '' && url.startsWith(service.mount))
    .toSorted((a, b) => b.mount.length - a.mount.length)[0]
}
