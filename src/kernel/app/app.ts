import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Ctx } from '../ctx/ctx.ts'
import type { Who } from '../ctx/who.ts'
import type { Db } from '../db/db.ts'
import { migrate } from '../db/migrate.ts'
import { AuditLog, auditMigrations } from '../events/audit.ts'
import { createHttpServer } from '../http/server.ts'
import type { ServiceDefinition } from '../http/service.ts'
import type { Logger } from '../log/log.ts'
import { createMetrics, type Metrics } from '../metrics/metrics.ts'
import { commonRules, Policy } from '../policy/policy.ts'
import { TaskRunner } from '../tasks/runner.ts'
import { taskMigrations } from '../tasks/store.ts'

/** Database, policy, HTTP and task runner around any set of services: everything but the services themselves. */
export interface App {
  readonly http: FastifyInstance
  readonly runner: TaskRunner
  readonly metrics: Metrics
  readonly policy: Policy
  readonly audit: AuditLog
  /** A context for the cloud's own work. */
  ctx(): Ctx
  close(): Promise<void>
}

export interface AppConfig {
  readonly db: Db
  readonly log: Logger
  readonly services: readonly ServiceDefinition[]
  readonly policyOverrides?: Readonly<Record<string, string>>
  authenticate(ctx: Ctx, token: string): Promise<Who | undefined>
  /** How long the task runner waits after so many failures; tests make it short. */
  readonly backOffMs?: (attempts: number) => number
}

/** Migrates and wires; does not listen and does not start the runner yet. */
export async function createApp(config: AppConfig): Promise<App> {
  const { db, services } = config
  const kernel = { name: 'kernel', migrations: [...taskMigrations, ...auditMigrations] }
  await migrate(db, [kernel, ...services])
  const policy = policyOf(config)
  const stopping = new AbortController()
  const metrics = createMetrics()
  const ctx = contexts(config, policy, metrics, stopping.signal)
  const audit = new AuditLog(ctx)
  for (const service of services) service.measures?.(metrics.registry, ctx)
  const runner = new TaskRunner({
    reconcilers: services.flatMap((service) => service.reconcilers),
    ctx,
    metrics,
    ...(config.backOffMs === undefined ? {} : { backOffMs: config.backOffMs }),
  })
  const authenticate = config.authenticate.bind(config)
  const http = createHttpServer({ services, ctx, audit, metrics, authenticate })
  const close = async (): Promise<void> => {
    stopping.abort()
    await http.close()
    await runner.stop()
    await audit.close()
    await db.close()
  }
  return { http, runner, metrics, policy, audit, ctx, close }
}

function contexts(
  { db, log }: AppConfig,
  policy: Policy,
  metrics: Metrics,
  stopping: AbortSignal,
): (request?: Partial<Ctx>) => Ctx {
  const never = new AbortController().signal
  return (request = {}) => ({
    requestId: `req-${randomUUID()}`,
    who: undefined,
    db,
    log,
    policy,
    metrics,
    now: () => new Date(),
    signal: never,
    stopping,
    baseUrl: '',
    ...request,
  })
}

function policyOf({ services, policyOverrides }: AppConfig): Policy {
  const defaults: Record<string, string> = { ...commonRules }
  for (const service of services) Object.assign(defaults, service.policies)
  const policy = new Policy(defaults, policyOverrides)
  requireDeclaredPolicies(services, policy)
  return policy
}

function requireDeclaredPolicies(services: readonly ServiceDefinition[], policy: Policy): void {
  const missing = services.flatMap((service) =>
    service.routes
      .filter((route) => route.policy !== null && !policy.has(route.policy))
      .map((route) => `${service.name} ${route.method} ${route.path}: ${String(route.policy)}`),
  )
  if (missing.length > 0)
    throw new Error(`routes name policy rules that nobody declares:\n${missing.join('\n')}`)
}
