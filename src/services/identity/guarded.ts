import type { Static, TSchema } from 'typebox'
import { can, type Ctx } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import { route, type Req, type Route, type RouteSpec } from '../../kernel/http/route.ts'
import type { Rule } from './policies/rules.ts'

/** What a rule may ask of the object: `target.user.domain_id` and the like. */
export type Target = Readonly<Record<string, unknown>>

export interface GuardedSpec<P extends TSchema, Q extends TSchema, B extends TSchema> extends Omit<
  RouteSpec<P, Q, B>,
  'policy'
> {
  readonly policy: Rule | null
  /**
   * Loads what the rule compares with; leave out what does not exist, so that an outsider gets 403 and only those who may
   * see it get the 404. Without it the kernel checks the rule by the token alone.
   */
  readonly target?: (ctx: Ctx, req: Req<Static<P>, Static<Q>, Static<B>>) => Promise<Target>
  /** For the few routes where the request decides which rules hold: checks them itself, by `allow`. */
  readonly check?: (ctx: Ctx, req: Req<Static<P>, Static<Q>, Static<B>>) => Promise<void>
}

/** Name of the first gate of a route whose rule needs a target: any valid token passes it. */
export const gateOf = (rule: Rule): string => `${rule}:request`

/** An identity endpoint: Keystone's rule with the object's attributes as target, and input that any database can hold. */
export function guarded<P extends TSchema, Q extends TSchema, B extends TSchema>(
  spec: GuardedSpec<P, Q, B>,
): Route {
  const { policy, target, check, ...rest } = spec
  return route<P, Q, B>({
    ...rest,
    policy:
      policy === null || (target === undefined && check === undefined) ? policy : gateOf(policy),
    async handle(ctx, req) {
      refuseNullBytes(req)
      if (policy !== null && target !== undefined) allow(ctx, policy, await target(ctx, req))
      await check?.(ctx, req)
      return await spec.handle(ctx, req)
    },
  })
}

/** 403 in Keystone's words unless the rule holds. */
export function allow(ctx: Ctx, rule: Rule, target: Target): void {
  if (can(ctx, rule, target)) return
  throw cloudError('forbidden', `You are not authorized to perform the requested action: ${rule}.`)
}

/** PostgreSQL cannot store U+0000: it is refused at the door on every dialect. */
function refuseNullBytes(req: Req): void {
  const refuse = (where: string): never => {
    throw cloudError('badRequest', `The ${where} holds a null character, which is not allowed.`)
  }
  if (Object.values(req.params ?? {}).some((value) => String(value).includes('\0'))) refuse('path')
  for (const [key, value] of req.rawQuery)
    if (key.includes('\0') || value.includes('\0')) refuse('query')
  if (req.body !== undefined && JSON.stringify(req.body).includes('\\u0000')) refuse('body')
}
