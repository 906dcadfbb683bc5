import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { projectsOfUser } from '../assignments/effective.ts'
import { whoOf } from '../../../kernel/ctx/ctx.ts'
import { flagOf } from '../list-query.ts'
import { ancestorIds, projectsByIds, subtreeOf, type ProjectRecord } from './store.ts'
import { projectViews } from './view.ts'

/** The family of a project, as `parents_as_list`, `parents_as_ids`, `subtree_as_list`, `subtree_as_ids` ask for it. */
export async function familyOf(
  ctx: Ctx,
  req: Req,
  project: ProjectRecord,
): Promise<Record<string, unknown>> {
  const asked = (name: string): boolean => flagOf(req.rawQuery, name)
  for (const side of ['parents', 'subtree']) {
    if (asked(`${side}_as_list`) && asked(`${side}_as_ids`))
      throw cloudError('badRequest', `Use either ${side}_as_list or ${side}_as_ids, not both.`)
  }
  return {
    ...(asked('parents_as_list')
      ? { parents: await seen(ctx, req, await projectsByIds(ctx, ancestorIds(project))) }
      : {}),
    ...(asked('parents_as_ids') ? { parents: nested(ancestorIds(project)) } : {}),
    ...(asked('subtree_as_list')
      ? { subtree: await seen(ctx, req, await subtreeOf(ctx, project)) }
      : {}),
    ...(asked('subtree_as_ids')
      ? { subtree: treeOf(project.id, await subtreeOf(ctx, project)) }
      : {}),
  }
}

/** Lists show only the projects on which the asker has a role. */
async function seen(ctx: Ctx, req: Req, projects: readonly ProjectRecord[]): Promise<unknown[]> {
  const mine = new Set((await projectsOfUser(ctx, whoOf(ctx).userId)).map((project) => project.id))
  return (
    await projectViews(
      ctx,
      req,
      projects.filter((project) => mine.has(project.id)),
    )
  ).map((project) => ({ project }))
}

type Ids = { readonly [id: string]: Ids | null }

/** `[a, b]` → `{ a: { b: null } }` */
function nested(ids: readonly string[]): Ids | null {
  const [first, ...rest] = ids
  return first === undefined ? null : { [first]: nested(rest) }
}

function treeOf(id: string, below: readonly ProjectRecord[]): Ids | null {
  const children = below.filter((project) => project.parentId === id)
  return children.length === 0
    ? null
    : Object.fromEntries(children.map((child) => [child.id, treeOf(child.id, below)]))
}
