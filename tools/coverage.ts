import type { Route } from '../src/kernel/http/route.ts'
import type { ServiceDefinition } from '../src/kernel/http/service.ts'

/** The page that says what the cloud answers: every route with its versions and who may call it, sorted, service by service. */
export function coverageOf(services: readonly ServiceDefinition[]): string {
  const withRoutes = services.filter((service) => service.routes.length > 0)
  return [
    '# What is implemented',
    '',
    'Made by `npm run gen` from the routes themselves; not to be edited. A request for anything else is refused.',
    '',
    ...summary(withRoutes),
    ...withRoutes.flatMap(section),
  ].join('\n')
}

function summary(services: readonly ServiceDefinition[]): string[] {
  const rows = services.map((service) =>
    row([
      `[${service.name}](#${service.name})`,
      code(service.mount || '/'),
      versionsOf(service),
      paths(service).size,
      actions(service).size,
      operations(service).size,
      rules(service),
    ]),
  )
  const total = (count: (service: ServiceDefinition) => number): number =>
    services.reduce((sum, service) => sum + count(service), 0)
  return [
    row(['service', 'below', 'microversions', 'paths', 'actions', 'operations', 'policy rules']),
    row(['---', '---', '---', '---:', '---:', '---:', '---:']),
    ...rows,
    row([
      '**all**',
      '',
      '',
      total((service) => paths(service).size),
      total((service) => actions(service).size),
      total((service) => operations(service).size),
      total(rules),
    ]),
    '',
  ]
}

function section(service: ServiceDefinition): string[] {
  const routes = service.routes.toSorted((a, b) => sortKey(a).localeCompare(sortKey(b), 'en'))
  return [
    `## ${service.name}`,
    '',
    row(['method', 'path', 'action', 'versions', 'policy', 'allows']),
    row(['---', '---', '---', '---', '---', '---']),
    ...new Set(routes.map((route) => routeRow(service, route))),
    '',
  ]
}

function routeRow(service: ServiceDefinition, route: Route): string {
  const policy = ruleName(service, route)
  return row([
    route.method,
    code(service.mount + route.path || '/'),
    route.action === undefined ? '' : code(route.action),
    service.microversions === undefined ? '' : span(route),
    policy === null ? '' : code(policy),
    policy === null ? 'everybody' : rule(service.policies[policy]),
  ])
}

/** A route that has to look at its object first declares a looser rule, named `…:request`; the one that decides is shown. */
function ruleName({ policies }: ServiceDefinition, { policy }: Route): string | null {
  const decisive = policy?.replace(/:request$/, '') ?? null
  return decisive !== null && decisive in policies ? decisive : policy
}

/** Both ends are inclusive; an open end is left open. */
function span({ since, until }: Route): string {
  if (since === undefined && until === undefined) return 'all'
  return `${since ?? ''}–${until ?? ''}`
}

function rule(text: string | undefined): string {
  if (text === undefined) return 'a common rule'
  return text === '' || text === '@' ? 'everybody with a token' : code(text)
}

function versionsOf({ microversions }: ServiceDefinition): string {
  return microversions === undefined ? '' : `${microversions.min}–${microversions.max}`
}

/** Paths by name, then the order in which a reader expects methods. */
function sortKey(route: Route): string {
  const method = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].indexOf(route.method)
  const [major = '0', minor = '0'] = (route.since ?? '0.0').split('.')
  return [route.path, method, route.action ?? '', major, minor.padStart(4, '0')].join(' ')
}

function paths({ routes }: ServiceDefinition): ReadonlySet<string> {
  return new Set(routes.map(({ path }) => path))
}

function actions({ routes }: ServiceDefinition): ReadonlySet<string> {
  return new Set(routes.flatMap(({ action }) => (action === undefined ? [] : [action])))
}

/** Names that an operator may set; see `ruleName` for those left out. */
function rules({ policies }: ServiceDefinition): number {
  return Object.keys(policies).filter((name) => !name.endsWith(':request')).length
}

/** Versions of one call count once. */
function operations({ routes }: ServiceDefinition): ReadonlySet<string> {
  return new Set(routes.map(({ method, path, action }) => `${method} ${path} ${action ?? ''}`))
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
}

function code(text: string): string {
  return `\`${text}\``
}
