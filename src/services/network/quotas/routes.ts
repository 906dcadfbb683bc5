import { Type, type Static } from '../../../kernel/schema/type.ts'
import { can, projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { askingProject } from '../standard/access.ts'
import { Flag, isTrue, Text } from '../standard/schema.ts'
import { quotaDefaults, quotedNames } from './defaults.ts'
import {
  clearQuotas,
  projectsWithQuotas,
  quotasOf,
  setQuotas,
  usageOf,
  type Quotas,
} from './store.ts'

const Amount = Type.Union([
  Type.Integer({ minimum: -1, maximum: 2_147_483_647 }),
  Type.String({ pattern: '^(-1|\\d{1,9})$' }),
])
const amounts = Object.fromEntries(quotedNames.map((name) => [name, Type.Optional(Amount)]))
// `force` sets a limit below what is used: that is allowed without it, unless `check_limit` says otherwise
const Change = Type.Object(
  {
    quota: Type.Object(
      { ...amounts, force: Type.Optional(Flag), check_limit: Type.Optional(Flag) },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
const Path = Type.Object({ project: Text() })

export const quotaPolicies = {
  'network:get_quota': 'rule:project-reader',
  'network:get_any_quota': 'rule:admin',
  'network:update_quota': 'rule:admin',
  'network:delete_quota': 'rule:admin',
} as const

const BASE = '/v2.0/quotas'

/** Quotas: what a project may have at most. */
export function quotaRoutes(): Route[] {
  return [...lookRoutes(), ...projectRoutes(), ...changeRoutes()]
}

function lookRoutes(): Route[] {
  return [
    route({
      method: 'GET',
      path: BASE,
      policy: 'network:get_any_quota',
      handle: async (ctx) => ({ quotas: await customQuotas(ctx) }),
    }),
    // who am I: old clients ask so for their project's id
    route({
      method: 'GET',
      path: `${BASE}/tenant`,
      policy: 'network:get_quota',
      handle: async (ctx) =>
        await Promise.resolve({
          tenant: { tenant_id: projectOf(ctx), project_id: projectOf(ctx) },
        }),
    }),
  ]
}

function projectRoutes(): Route[] {
  const answers: readonly (readonly [string, (ctx: Ctx, project: string) => Promise<unknown>])[] = [
    ['', quotasOf],
    ['/default', async () => await Promise.resolve(quotaDefaults)],
    ['/details', details],
    ['/details.json', details],
  ]
  return answers.map(([end, answer]) =>
    route({
      method: 'GET',
      path: `${BASE}/:project${end}`,
      policy: 'network:get_quota',
      params: Path,
      handle: async (ctx, { params }) => {
        mayRead(ctx, params.project)
        return { quota: await answer(ctx, params.project) }
      },
    }),
  )
}

function changeRoutes(): Route[] {
  return [
    route({
      method: 'PUT',
      path: `${BASE}/:project`,
      policy: 'network:update_quota',
      params: Path,
      body: Change,
      handle: async (ctx, { params, body }) => {
        const { force, check_limit: checked, ...wish } = body.quota
        const limits = numbers(wish)
        await inTx(ctx, async (tx) => {
          if (isOn(checked) && !isOn(force)) await mustCoverUse(tx, params.project, limits)
          await setQuotas(tx, params.project, limits)
        })
        return { quota: await quotasOf(ctx, params.project) }
      },
    }),
    route({
      method: 'DELETE',
      path: `${BASE}/:project`,
      policy: 'network:delete_quota',
      params: Path,
      handle: async (ctx, { params }) => {
        if (await clearQuotas(ctx, params.project)) return reply(204)
        throw neutronError(
          'notFound',
          'TenantQuotaNotFound',
          `Quota for tenant ${params.project} could not be found.`,
        )
      },
    }),
  ]
}

const isOn = (flag: Static<typeof Flag> | undefined): boolean => flag !== undefined && isTrue(flag)

async function mustCoverUse(tx: Ctx, project: string, limits: Partial<Quotas>): Promise<void> {
  const used = await usageOf(tx, project)
  const short = quotedNames.filter((name) => {
    const limit = limits[name]
    return limit !== undefined && limit >= 0 && limit < used[name]
  })
  if (short.length > 0)
    throw neutronError(
      'badRequest',
      'InvalidQuotaValue',
      `The new limits of ${short.join(', ')} are below what project ${project} uses.`,
    )
}

const numbers = (wish: Readonly<Record<string, unknown>>): Partial<Quotas> =>
  Object.fromEntries(Object.entries(wish).map(([name, amount]) => [name, Number(amount)]))

function mayRead(ctx: Ctx, projectId: string): void {
  if (projectId === askingProject(ctx) || can(ctx, 'network:get_any_quota')) return
  throw neutronError('forbidden', 'PolicyNotAuthorized', '(rule:get_quota) is disallowed by policy')
}

async function customQuotas(ctx: Ctx): Promise<unknown[]> {
  const projects = await projectsWithQuotas(ctx)
  return await Promise.all(
    projects.map(async (id) => ({ ...(await quotasOf(ctx, id)), project_id: id, tenant_id: id })),
  )
}

async function details(ctx: Ctx, projectId: string): Promise<unknown> {
  const [limits, used] = [await quotasOf(ctx, projectId), await usageOf(ctx, projectId)]
  return Object.fromEntries(
    quotedNames.map((name) => [name, { limit: limits[name], used: used[name], reserved: 0 }]),
  )
}
