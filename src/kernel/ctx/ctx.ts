import type { Db } from '../db/db.ts'
import { cloudError } from '../errors/cloud-error.ts'
import type { Logger } from '../log/log.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Policy } from '../policy/policy.ts'
import type { Who } from './who.ts'

/** First argument of everything that does something: who asks, for which request, with what. */
export interface Ctx {
  /** `req-<uuid>`; a reconcile run has one too. */
  readonly requestId: string
  /** The client's own `X-Openstack-Request-Id`, when it sent one. */
  readonly globalRequestId?: string
  /** Undefined for a request without a token and for the cloud's own work. */
  readonly who: Who | undefined
  readonly db: Db
  readonly log: Logger
  readonly policy: Policy
  readonly metrics: Metrics
  now(): Date
  /** Aborted when the client went away or the time limit of a reconcile run is over. */
  readonly signal: AbortSignal
  /** Aborted when the process stops: answers without an end of their own end then. */
  readonly stopping: AbortSignal
  /** Scheme, host and prefix that the client used, without a trailing slash; '' inside reconcilers. */
  readonly baseUrl: string
}

/** The asking user; 401 without one. */
export function whoOf(ctx: Ctx): Who {
  if (ctx.who === undefined)
    throw cloudError('unauthorized', 'The request you have made requires authentication.')
  return ctx.who
}

/** The project of the token; 403 when the token has another scope. */
export function projectOf(ctx: Ctx): string {
  const { projectId } = whoOf(ctx)
  if (projectId === undefined) {
    throw cloudError(
      'forbidden',
      'This needs a token scoped to a project: authenticate again with a project.',
    )
  }
  return projectId
}

/** Does the rule hold for who asks? `target` is the object's owner etc., e.g. `{ project_id }`. */
export function can(
  ctx: Ctx,
  rule: string,
  target: Readonly<Record<string, unknown>> = {},
): boolean {
  return ctx.policy.check(rule, ctx.who, { project_id: ctx.who?.projectId, ...target })
}

/** As `can`, but 403 naming the rule. */
export function must(ctx: Ctx, rule: string, target: Readonly<Record<string, unknown>> = {}): void {
  if (!can(ctx, rule, target)) {
    throw cloudError('forbidden', `Policy does not allow ${rule} to be performed.`)
  }
}

/** The same request with the cloud's own hands: no user, so stores do not scope to a project. */
export function asCloud(ctx: Ctx): Ctx {
  return { ...ctx, who: undefined }
}
