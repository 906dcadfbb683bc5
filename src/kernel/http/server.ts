import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { cloudError, reasonOf } from '../errors/cloud-error.ts'
import { fail } from './answer.ts'
import { Paths } from './paths.ts'
import type { Method, Route } from './route.ts'
import { newRequestId, serve, type HttpConfig } from './serve.ts'
import type { ServiceDefinition } from './service.ts'
import { hangUpOnSilent } from './silent-connections.ts'
import { acceptWebsockets, asksForWebsocket } from './websocket.ts'

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** One fastify instance for all services; bodies are left unread, each route says how it wants them. */
export function createHttpServer(config: HttpConfig): FastifyInstance {
  const refuse = async (
    error: unknown,
    request: FastifyRequest,
    answer: FastifyReply,
  ): Promise<FastifyReply> => {
    const refused = refusedByFastify(error)
    return await fail(serviceOf(config, request.url), request, answer, refused, newRequestId())
  }
  const app = fastify({
    logger: false,
    frameworkErrors: (error, request, answer) => void refuse(error, request, answer),
    http: { shouldUpgradeCallback: asksForWebsocket },
    bodyLimit: Number.MAX_SAFE_INTEGER,
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
  })
  acceptWebsockets(app)
  hangUpOnSilent(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, next) => next(null))
  const paths = new Paths<Mounted>()
  for (const service of config.services) mountService(paths, service)
  const dispatch = async (request: FastifyRequest, answer: FastifyReply): Promise<FastifyReply> =>
    await findAndServe(config, paths, request, answer)
  app.route({ method: [...METHODS], url: '/*', exposeHeadRoute: false, handler: dispatch })
  app.setNotFoundHandler(async (request, answer) => await notFound(config, request, answer))
  app.setErrorHandler(refuse)
  return app
}

/** What is refused before a route is entered: bad URLs, unreadable headers. */
function refusedByFastify(error: unknown): ReturnType<typeof cloudError> {
  if (error instanceof URIError)
    return cloudError('badRequest', 'The path is not well encoded.', { cause: error })
  const said = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  return said < 500
    ? cloudError('badRequest', reasonOf(error), { cause: error, status: said })
    : cloudError('internal', 'Unexpected error.', { cause: error })
}

/** A path of a service, with its routes by method. */
interface Mounted {
  readonly service: ServiceDefinition
  readonly methods: ReadonlyMap<string, readonly Route[]>
}

function mountService(paths: Paths<Mounted>, service: ServiceDefinition): void {
  const groups = groupRoutes(service)
  for (const path of new Set(service.routes.map((route) => route.path))) {
    const declared = METHODS.flatMap((method) => {
      const routes = groups.get(`${method} ${path}`)
      return routes === undefined ? [] : [[method, routes] as const]
    })
    paths.add(service.mount + path, { service, methods: new Map(declared) })
  }
}

async function findAndServe(
  config: HttpConfig,
  paths: Paths<Mounted>,
  request: FastifyRequest,
  answer: FastifyReply,
): Promise<FastifyReply> {
  const [path = ''] = request.url.split(/[?#]/, 1)
  const found = paths.find(path)
  if (found === undefined) return await notFound(config, request, answer)
  const { service, methods } = found.value
  const routes = methods.get(request.method)
  if (routes === undefined) return await refuseMethod(service, [...methods.keys()], request, answer)
  return await serve(config, { service, routes, params: found.params }, request, answer)
}

async function notFound(
  config: HttpConfig,
  request: FastifyRequest,
  answer: FastifyReply,
): Promise<FastifyReply> {
  const error = cloudError('notFound', 'The resource could not be found.')
  return await fail(serviceOf(config, request.url), request, answer, error, newRequestId())
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
  allowed: readonly string[],
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
