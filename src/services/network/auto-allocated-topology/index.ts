import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { projectOf } from '../../../kernel/ctx/ctx.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { askingProject, seesAll } from '../standard/access.ts'
import type { Feature } from '../standard/feature.ts'
import { pick } from '../standard/query.ts'
import { Text } from '../standard/schema.ts'
import { topologyMigration } from './store.ts'
import { ensureTopology, partsOf, removeTopology, requirements, type Parts } from './topology.ts'

const PATH = '/v2.0/auto-allocated-topology/:project'
const Path = Type.Object({ project: Text() })

/** Get me a network: a project gets a network that leads outside without knowing how one is made. */
export function autoAllocatedTopology(): Feature {
  return {
    routesOn: (find) => {
      const parts = partsOf(find)
      return [readRoute(parts), removeRoute(parts)]
    },
    policies: {
      'network:get_auto_allocated_topology': 'rule:project-member',
      'network:delete_auto_allocated_topology': 'rule:project-member',
    },
    migrations: [topologyMigration],
    extensions: [
      {
        alias: 'auto-allocated-topology',
        name: 'Auto Allocated Topology Services',
        updated: '2016-01-01T00:00:00-00:00',
        description: 'A project gets a network that leads outside at its first look.',
      },
    ],
  }
}

const readRoute = (parts: Parts): Route =>
  route({
    method: 'GET',
    path: PATH,
    policy: 'network:get_auto_allocated_topology',
    params: Path,
    summary: "Show the project's auto allocated network, made at the first call",
    handle: async (ctx, { params, rawQuery }) => {
      const project = projectFor(ctx, params.project)
      const fields = rawQuery.getAll('fields')
      if (fields.includes('dry-run')) {
        await requirements(ctx)
        return { auto_allocated_topology: { id: 'dry-run=pass', tenant_id: project } }
      }
      const id = await ensureTopology(ctx, parts, project)
      const view = { id, tenant_id: project, project_id: project }
      return { auto_allocated_topology: pick(view, fields) }
    },
  })

const removeRoute = (parts: Parts): Route =>
  route({
    method: 'DELETE',
    path: PATH,
    policy: 'network:delete_auto_allocated_topology',
    params: Path,
    summary: "Delete the project's auto allocated network",
    handle: async (ctx, { params }) => {
      await removeTopology(ctx, parts, projectFor(ctx, params.project))
      return reply(204)
    },
  })

/** Clients write «None» when they mean their own project. */
function projectFor(ctx: Ctx, asked: string): string {
  if (asked === 'None') return projectOf(ctx)
  if (asked === askingProject(ctx) || seesAll(ctx)) return asked
  throw neutronError('forbidden', 'NotAuthorized', 'This is the topology of another project.')
}
