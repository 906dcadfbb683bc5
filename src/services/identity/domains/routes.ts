import type { Static } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { allow, guarded, type Target } from '../guarded.ts'
import { listBody, listQuery } from '../list-query.ts'
import { newId } from '../new-id.ts'
import type { Parts } from '../parts.ts'
import type { Rule } from '../policies/rules.ts'
import { insertDomain, removeProject, updateProject } from '../projects/changes.ts'
import { CreateDomain, knownDomainAttributes, UpdateDomain } from '../projects/schema.ts'
import { getDomain, listProjects, tagsOf, type ProjectRecord } from '../projects/store.ts'
import { domainView, domainViews } from '../projects/view.ts'
import { optionsOf } from '../roles/routes.ts'
import { extraOf, IdParams } from '../wire.ts'
import { DEFAULT_DOMAIN } from './default-domain.ts'

const domainTarget = async (
  _ctx: Ctx,
  { params }: { readonly params: { readonly id: string } },
): Promise<Target> => await Promise.resolve({ 'target.domain.id': params.id })

/** Here, as in Keystone, the 404 comes before the 403. */
const existing =
  (rule: Rule) =>
  async (ctx: Ctx, { params }: { readonly params: IdParams }): Promise<void> =>
    allow(ctx, rule, { 'target.domain.id': (await getDomain(ctx, params.id)).id })

const taggedView = async (
  ctx: Ctx,
  req: Req,
  domain: ProjectRecord,
): Promise<Record<string, unknown>> =>
  domainView(req, domain, (await tagsOf(ctx, [domain.id])).get(domain.id) ?? [])

/** /v3/domains: projects that act as domains, under their older name. */
export function domainRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes, ...ofOneDomain(parts)]
}

/** A new domain, and the list. */
const collectionRoutes: readonly Route[] = [
  guarded({
    method: 'POST',
    path: '/v3/domains',
    policy: 'identity:create_domain',
    body: CreateDomain,
    status: 201,
    handle: async (ctx, req) => {
      const wish = req.body.domain
      const domain = await insertDomain(ctx, {
        id: wish.explicit_domain_id ?? newId(),
        name: wish.name.trim(),
        description: wish.description ?? '',
        enabled: wish.enabled ?? true,
        options: optionsOf(wish.options),
        extra: extraOf(wish, knownDomainAttributes),
        tags: wish.tags ?? [],
      })
      return { domain: domainView(req, domain, wish.tags ?? []) }
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/domains',
    policy: 'identity:list_domains',
    handle: async (ctx, req) => {
      const asked = listQuery(req.rawQuery, ['name', 'id'], ['enabled'])
      const domains = await listProjects(ctx, {
        ...asked,
        filters: [
          ...asked.filters,
          { column: 'is_domain', how: 'equals', ignoreCase: false, value: '1' },
        ],
      })
      return listBody(req, 'domains', await domainViews(ctx, req, domains), asked.limit)
    },
  }),
]

/** A domain by its id. */
function ofOneDomain(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: '/v3/domains/:id',
      policy: 'identity:get_domain',
      params: IdParams,
      target: domainTarget,
      handle: async (ctx, req) => ({
        domain: await taggedView(ctx, req, await getDomain(ctx, req.params.id)),
      }),
    }),
    guarded({
      method: 'PATCH',
      path: '/v3/domains/:id',
      policy: 'identity:update_domain',
      params: IdParams,
      body: UpdateDomain,
      check: existing('identity:update_domain'),
      handle: async (ctx, req) => ({
        domain: await taggedView(
          ctx,
          req,
          await update(ctx, parts, req.params.id, req.body.domain),
        ),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/domains/:id',
      policy: 'identity:delete_domain',
      params: IdParams,
      check: existing('identity:delete_domain'),
      handle: async (ctx, { params }) =>
        await removeProject(ctx, parts, await getDomain(ctx, params.id), 'domain', DEFAULT_DOMAIN),
    }),
  ]
}

async function update(
  ctx: Ctx,
  parts: Parts,
  id: string,
  wish: Static<typeof UpdateDomain>['domain'],
): Promise<ProjectRecord> {
  return await updateProject(ctx, parts, await getDomain(ctx, id), wish, knownDomainAttributes)
}
