import { Type, type Static, type TObject } from '../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { usageOf } from '../containers/store.ts'
import { argumentsOf, argumentsOn } from '../wire/arguments.ts'
import { ruleOf } from '../wire/policy.ts'
import { BooleanLike, toBoolean } from '../wire/schemas.ts'
import { DEFAULT_CLASS, quotaNames } from './resources.ts'
import {
  classLimits,
  dropProjectLimits,
  projectLimits,
  setClassLimits,
  setProjectLimits,
  type Limits,
} from './store.ts'

/** -1 is no limit. */
const Limit = Type.Optional(Type.Integer({ minimum: -1, maximum: 0x7fffffff }))
const Change = Type.Object({ containers: Limit, memory: Limit, cpu: Limit, disk: Limit })

const SINCE = '1.26'
const ofProject = {
  path: '/v1/quotas/:projectId',
  since: SINCE,
  params: Type.Object({ projectId: Type.String() }),
} as const

/** Limits of projects and of classes. */
export function quotaRoutes(): readonly Route[] {
  return [showQuota, showDefaults, updateQuota, deleteQuota, ...classRoutes]
}

const showQuota = route({
  ...ofProject,
  method: 'GET',
  policy: ruleOf('quota:get'),
  summary: "A project's limits, with usages=true also what is in use",
  query: Type.Object({ usages: Type.Optional(BooleanLike) }, { additionalProperties: false }),
  handle: async (ctx, { params, query }) => {
    mustBeOwn(ctx, params.projectId)
    const limits = await projectLimits(ctx, params.projectId)
    if (!toBoolean(query.usages)) return limits
    const used = await usageOf(ctx, params.projectId)
    return Object.fromEntries(
      quotaNames.map((name) => [name, { limit: limits[name], in_use: used[name] }]),
    )
  },
})

const showDefaults = route({
  ...ofProject,
  path: '/v1/quotas/:projectId/defaults',
  method: 'GET',
  policy: ruleOf('quota:get_default'),
  summary: 'Limits of a project that has none of its own',
  handle: async (ctx, { params }) => {
    mustBeOwn(ctx, params.projectId)
    return await classLimits(ctx, DEFAULT_CLASS)
  },
})

const updateQuota = route({
  ...ofProject,
  ...argumentsOn(Change),
  method: 'PUT',
  policy: ruleOf('quota:update'),
  summary: "Set some of a project's limits",
  handle: async (ctx, req) => {
    await setProjectLimits(ctx, req.params.projectId, limitsIn(argumentsOf(req, Change)))
    return await projectLimits(ctx, req.params.projectId)
  },
})

const deleteQuota = route({
  ...ofProject,
  method: 'DELETE',
  policy: ruleOf('quota:delete'),
  summary: 'Back to the limits of the class',
  status: 200,
  handle: async (ctx, { params }) => {
    await dropProjectLimits(ctx, params.projectId)
    return null
  },
})

const ofClass = {
  path: '/v1/quota_classes/:name',
  since: SINCE,
  params: Type.Object({ name: Type.String({ maxLength: 255 }) }),
} as const

const classRoutes: readonly Route[] = [
  route({
    ...ofClass,
    method: 'GET',
    policy: ruleOf('quota_class:get'),
    summary: 'Limits of a class',
    handle: async (ctx, { params }) => await classLimits(ctx, params.name),
  }),
  route({
    ...ofClass,
    ...argumentsOn(Change),
    method: 'PUT',
    policy: ruleOf('quota_class:update'),
    summary: 'Set some limits of a class',
    handle: async (ctx, req) => {
      await setClassLimits(ctx, req.params.name, limitsIn(argumentsOf(req, Change)))
      return await classLimits(ctx, req.params.name)
    },
  }),
]

/** Only what was given. */
function limitsIn(change: Static<TObject<typeof Change.properties>>): Partial<Limits> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

/** Another project's limits are for administrators. */
function mustBeOwn(ctx: Ctx, projectId: string): void {
  if (ctx.who?.projectId === projectId || can(ctx, 'admin')) return
  throw cloudError(
    'forbidden',
    `The limits of project ${projectId.slice(0, 64)} are not yours to see.`,
  )
}
