import type { Ctx } from '../ctx/ctx.ts'
import { listAuditEvents } from '../events/audit.ts'
import { openApiOf } from '../http/openapi.ts'
import { reply, route, type Route } from '../http/route.ts'
import type { ServiceDefinition } from '../http/service.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { listTasks } from '../tasks/store.ts'

/** What the operator's routes ask of the running cloud. */
export interface OperatorView {
  readonly version: string
  readonly services: () => readonly ServiceDefinition[]
  readonly metrics: () => Metrics
  /** Facts about host and engines for `/healthz`; `ok: false` makes it answer 503. */
  readonly health: (
    ctx: Ctx,
  ) => Promise<Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>>
  readonly ready: () => boolean
  /** What else `/readyz` tells: ways in, for people. */
  readonly details: () => Promise<Readonly<Record<string, string>>>
}

const FAILING_SHOWN = 20
const AUDIT_SHOWN = 1000

/** The operator's own routes: health, readiness, metrics, tasks, audit events, OpenAPI. */
export function operatorService(view: OperatorView): ServiceDefinition {
  return {
    name: 'operator',
    mount: '',
    policies: { 'operator:tasks': 'rule:admin', 'operator:audit': 'rule:admin' },
    migrations: [],
    reconcilers: [],
    fault: (error) => ({ body: { error: { code: error.status, message: error.message } } }),
    routes: [...publicRoutes(view), ...adminRoutes()],
  }
}

/** For load balancers, monitoring and the curious: no token. */
function publicRoutes(view: OperatorView): readonly Route[] {
  const open = (path: string, summary: string, handle: Route['handle']): Route =>
    route({ method: 'GET', path, policy: null, summary, handle })
  return [
    open('/', 'What is served where', async (ctx) => await Promise.resolve(index(ctx, view))),
    open(
      '/healthz',
      'Is the process well, and are its engines?',
      async (ctx) => await health(ctx, view),
    ),
    open('/readyz', 'May requests be sent?', async (ctx) => await readiness(ctx, view)),
    open('/metrics', 'Prometheus metrics', async () => {
      const { registry } = view.metrics()
      return reply(200, await registry.metrics(), { 'content-type': registry.contentType })
    }),
    open(
      '/openapi.json',
      'This document',
      async () => await Promise.resolve(openApiOf(view.services(), view.version)),
    ),
  ]
}

function adminRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/stackyard/v1/tasks',
      policy: 'operator:tasks',
      summary: 'What is under way, what fails and why',
      handle: async (ctx) => ({ tasks: await listTasks(ctx) }),
    }),
    route({
      method: 'GET',
      path: '/stackyard/v1/audit',
      policy: 'operator:audit',
      summary: 'Who did what, newest first',
      handle: async (ctx) => ({ events: await listAuditEvents(ctx, AUDIT_SHOWN) }),
    }),
  ]
}

function index(ctx: Ctx, view: OperatorView): unknown {
  const services = view.services().filter((service) => service.mount !== '')
  return {
    stackyard: view.version,
    services: Object.fromEntries(
      services.map((service) => [service.name, ctx.baseUrl + service.mount]),
    ),
    docs: `${ctx.baseUrl}/openapi.json`,
  }
}

async function health(ctx: Ctx, view: OperatorView): Promise<unknown> {
  const parts = await view.health(ctx)
  const ok = Object.values(parts).every((part) => part.ok)
  return reply(ok ? 200 : 503, { ok, parts })
}

async function readiness(ctx: Ctx, view: OperatorView): Promise<unknown> {
  const ready = view.ready()
  const tasks = ready ? await listTasks(ctx) : []
  const failing = tasks.filter((task) => task.last_error !== null)
  return reply(ready ? 200 : 503, {
    ready,
    version: view.version,
    ...(await view.details()),
    tasks: { open: tasks.length, failing: failing.length },
    failing: failing
      .slice(0, FAILING_SHOWN)
      .map(({ kind, key, last_error }) => ({ kind, key, error: last_error })),
  })
}
