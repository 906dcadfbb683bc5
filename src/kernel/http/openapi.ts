import type { Route } from './route.ts'
import type { ServiceDefinition } from './service.ts'

/** The routes as an OpenAPI 3.1 document (JSON Schema as TypeBox makes it). */
export function openApiOf(services: readonly ServiceDefinition[], version: string): unknown {
  const groups = new Map<
    string,
    { readonly service: ServiceDefinition; readonly routes: Route[] }
  >()
  for (const service of services) {
    for (const route of service.routes) {
      const name = `${route.method.toLowerCase()} ${(service.mount + route.path).replaceAll(/:(\w+)/g, '{$1}') || '/'}`
      const group = groups.get(name) ?? { service, routes: [] }
      group.routes.push(route)
      groups.set(name, group)
    }
  }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [name, { service, routes }] of groups) {
    const [method = '', path = ''] = name.split(' ')
    paths[path] = { ...paths[path], [method]: operation(service, routes) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stackyard',
      version,
      description: "OpenStack's APIs over real Docker containers",
    },
    components: {
      securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
    },
    paths,
  }
}

/** Versions and actions of one path are one operation in OpenAPI: their bodies are alternatives. */
function operation(service: ServiceDefinition, routes: readonly Route[]): unknown {
  const [first] = routes
  if (first === undefined) return {}
  const names = [...first.path.matchAll(/:(\w+)/g)].map((match) => match[1])
  const bodies = routes.flatMap(bodyOf)
  const type = first.streamed === true ? 'application/octet-stream' : 'application/json'
  const content = { [type]: { schema: bodies.length === 1 ? bodies[0] : { anyOf: bodies } } }
  const summary = routes.find((route) => route.summary !== undefined)?.summary
  const range = service.microversions
  return {
    tags: [service.name],
    ...(summary === undefined ? {} : { summary }),
    security: first.policy === null ? [] : [{ token: [] }],
    'x-policies': [...new Set(routes.map((route) => route.policy))],
    ...(range === undefined
      ? {}
      : {
          'x-microversions': routes.map((route) => [
            route.since ?? range.min,
            route.until ?? range.max,
          ]),
        }),
    parameters: names.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...(bodies.length === 0 ? {} : { requestBody: { content } }),
    responses: {
      [String(first.status ?? 200)]: { description: 'Success' },
      default: { description: "A fault in the service's own format" },
    },
  }
}

function bodyOf(route: Route): readonly unknown[] {
  if (route.streamed === true) return [{ type: 'string', format: 'binary' }]
  if (route.action !== undefined) {
    return [
      {
        type: 'object',
        properties: { [route.action]: route.body ?? {} },
        required: [route.action],
        additionalProperties: false,
      },
    ]
  }
  return route.body === undefined ? [] : [route.body]
}
