import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { tagsOf, type ProjectRecord } from './store.ts'

type View = Record<string, unknown> & { id: string }

/** A project as the API shows it; `tags` are its own. */
export function projectView(req: Req, project: ProjectRecord, tags: readonly string[]): View {
  return {
    ...project.extra,
    id: project.id,
    name: project.name,
    description: project.description ?? '',
    enabled: project.enabled,
    domain_id: project.isDomain ? null : project.domainId,
    parent_id: project.isDomain ? null : project.parentId,
    is_domain: project.isDomain,
    tags,
    options: project.options,
    links: { self: `${req.serviceUrl}/v3/projects/${project.id}` },
  }
}

export function domainView(req: Req, domain: ProjectRecord, tags: readonly string[]): View {
  return {
    ...domain.extra,
    id: domain.id,
    name: domain.name,
    description: domain.description ?? '',
    enabled: domain.enabled,
    tags,
    options: domain.options,
    links: { self: `${req.serviceUrl}/v3/domains/${domain.id}` },
  }
}

/** Many at once: one query for all tags. */
export async function projectViews(
  ctx: Ctx,
  req: Req,
  projects: readonly ProjectRecord[],
): Promise<View[]> {
  const tags = await tagsOf(
    ctx,
    projects.map((project) => project.id),
  )
  return projects.map((project) => projectView(req, project, tags.get(project.id) ?? []))
}

export async function domainViews(
  ctx: Ctx,
  req: Req,
  domains: readonly ProjectRecord[],
): Promise<View[]> {
  const tags = await tagsOf(
    ctx,
    domains.map((domain) => domain.id),
  )
  return domains.map((domain) => domainView(req, domain, tags.get(domain.id) ?? []))
}
