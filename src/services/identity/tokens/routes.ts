import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { reply, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { domainsOfUser, projectsOfUser, rolesOnSystem } from '../assignments/effective.ts'
import { catalogFor } from '../catalog/build.ts'
import { domainView, projectViews } from '../projects/view.ts'
import { guarded, type Target } from '../guarded.ts'
import { flagOf } from '../list-query.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { payloadFor } from './issue.ts'
import { prove } from './methods.ts'
import type { Payload } from './payload.ts'
import { AuthBody } from './request.ts'
import { revocationOf } from './revocations.ts'
import { resolveScope } from './scope.ts'
import { tokenView } from './view.ts'

/** /v3/auth: tokens are issued, shown and revoked here, and a token's holder learns where it can go. */
export function tokenRoutes(parts: Parts): readonly Route[] {
  return [issueRoute(parts), ...subjectRoutes(parts), catalogRoute, ...scopeRoutes]
}

const issueRoute = (parts: Parts): Route =>
  guarded({
    method: 'POST',
    path: '/v3/auth/tokens',
    policy: null,
    body: AuthBody,
    summary: 'Issue a token',
    handle: async (ctx, req) => {
      const startedMs = ctx.now().getTime()
      const url = req.serviceUrl + req.url
      const proof = await prove(ctx, parts, req.body.auth.identity, {
        url,
        authorization: req.headers.authorization,
      })
      const scope = await resolveScope(ctx, proof, req.body.auth.scope)
      const payload = await payloadFor(ctx, parts, proof, scope, startedMs)
      return await tokenReply(ctx, req, 201, parts.tokens.issue(payload), payload)
    },
  })

/** What is asked of the token in X-Subject-Token. */
function subjectRoutes(parts: Parts): readonly Route[] {
  const target = subjectTarget(parts)
  return [
    guarded({
      method: 'GET',
      path: '/v3/auth/tokens',
      policy: 'identity:validate_token',
      target,
      summary: 'Validate a token and show it',
      handle: async (ctx, req) => {
        const payload = await subject(ctx, parts, req)
        return await tokenReply(ctx, req, 200, subjectOf(req), payload)
      },
    }),
    guarded({
      method: 'HEAD',
      path: '/v3/auth/tokens',
      policy: 'identity:check_token',
      target,
      summary: 'Validate a token',
      handle: async (ctx, req) => {
        await subject(ctx, parts, req)
        return reply(200, undefined, { Vary: 'X-Auth-Token' })
      },
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/auth/tokens',
      policy: 'identity:revoke_token',
      target,
      summary: 'Revoke a token',
      handle: async (ctx, req) => {
        const payload = await subject(ctx, parts, req)
        await parts.revocations.add(ctx, payload.auditIds.slice(0, 1).map(revocationOf.audit))
      },
    }),
  ]
}

const catalogRoute: Route = guarded({
  method: 'GET',
  path: '/v3/auth/catalog',
  policy: 'identity:get_auth_catalog',
  handle: async (ctx, req) => {
    const { userId, projectId } = whoOf(ctx)
    const catalog = await catalogFor(ctx, {
      userId,
      ...(projectId === undefined ? {} : { projectId }),
    })
    return { catalog, links: links(req) }
  },
})

/** Where the asker's next token may be scoped to. */
const scopeRoutes: readonly Route[] = [
  guarded({
    method: 'GET',
    path: '/v3/auth/projects',
    policy: 'identity:get_auth_projects',
    handle: async (ctx, req) => {
      const projects = (await projectsOfUser(ctx, whoOf(ctx).userId)).filter(
        (project) => project.enabled && !project.isDomain,
      )
      return { projects: await projectViews(ctx, req, projects), links: links(req) }
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/auth/domains',
    policy: 'identity:get_auth_domains',
    handle: async (ctx, req) => {
      const domains = (await domainsOfUser(ctx, whoOf(ctx).userId)).filter(
        (domain) => domain.enabled,
      )
      return { domains: domains.map((domain) => domainView(req, domain, [])), links: links(req) }
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/auth/system',
    policy: 'identity:get_auth_system',
    handle: async (ctx, req) => {
      const roles = await rolesOnSystem(ctx, whoOf(ctx).userId)
      return { system: roles.length > 0 ? [{ all: true }] : [], links: links(req) }
    },
  }),
]

const links = (req: Req): Record<string, unknown> => ({
  next: null,
  previous: null,
  self: req.serviceUrl + req.url,
})

async function tokenReply(
  ctx: Ctx,
  req: Req,
  status: 200 | 201,
  token: string,
  payload: Payload,
): Promise<Reply> {
  const body = await tokenView(ctx, payload, !flagOf(req.rawQuery, 'nocatalog'))
  return reply(status, body, { 'X-Subject-Token': token, Vary: 'X-Auth-Token' })
}

/** The token that the request is about. */
function subjectOf(req: Req): string {
  const sent = req.headers['x-subject-token']
  return typeof sent === 'string' ? sent : ''
}

const subjectTarget =
  (parts: Parts) =>
  async (ctx: Ctx, req: Req): Promise<Target> => {
    // a token that is none has no owner: everybody who asks gets the same 404
    return { 'target.token.user_id': (await subject(ctx, parts, req)).user.id }
  }

async function subject(ctx: Ctx, parts: Parts, req: Req): Promise<Payload> {
  const payload = await parts.tokens.payloadOf(ctx, subjectOf(req))
  if (payload === undefined) throw notFound('token', 'X-Subject-Token')
  return payload
}
