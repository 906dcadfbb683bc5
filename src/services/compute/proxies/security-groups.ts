import { Type } from '../../../kernel/schema/type.ts'
import { asCloud, can, projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError, isCloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { SecurityGroupInfo } from '../../network/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { queryCount } from '../wire/query.ts'
import { Envelope } from '../wire/schemas.ts'
import { NewRule, newRule, ruleView } from './security-group-rules.ts'

const verbs = ['list', 'show', 'create', 'update', 'delete', 'rule:create', 'rule:delete'] as const
const policy = (verb: (typeof verbs)[number]): string => `os_compute_api:os-security-groups:${verb}`

/** The network service decides once more by its own rules. */
export const securityGroupProxyPolicies: Readonly<Record<string, string>> = Object.fromEntries(
  verbs.map((verb) => [
    policy(verb),
    verb === 'list' || verb === 'show' ? 'rule:project-reader' : 'rule:project-member',
  ]),
)

const Named = Type.String({ minLength: 1, maxLength: 255, pattern: '^(?!\\s*$)[^\\u0000]*$' })
const Described = Type.Union([
  Type.String({ maxLength: 255, pattern: '^[^\\u0000]*$' }),
  Type.Null(),
])
const GroupBody = Envelope(
  'security_group',
  Type.Object({ name: Named, description: Type.Optional(Described) }),
)

const until = '2.35'
const all = '/v2.1/os-security-groups'
const one = `${all}/:id`
const rules = '/v2.1/os-security-group-rules'

/** Nova's window on security groups, gone after 2.35. Only what comes in is shown: Nova's rules knew no other way. */
export function securityGroupProxyRoutes(deps: ComputeDeps): readonly Route[] {
  return [...readRoutes(deps), ...writeRoutes(deps), ...deleteRoute(deps), ...ruleRoutes(deps)]
}

function readRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      until,
      policy: policy('list'),
      summary: 'List security groups',
      handle: async (ctx, req) => await list(ctx, deps, req),
    }),
    route({
      method: 'GET',
      path: one,
      until,
      policy: policy('show'),
      summary: 'Show a security group',
      handle: async (ctx, req) => ({
        security_group: await viewOf(ctx, deps, await groupIn(ctx, deps, req)),
      }),
    }),
  ]
}

function writeRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: all,
      until,
      policy: policy('create'),
      body: GroupBody,
      summary: 'Create a security group',
      handle: async (ctx, req) => ({
        security_group: await viewOf(
          ctx,
          deps,
          await deps.network.createSecurityGroup(ctx, wishOf(req.body.security_group)),
        ),
      }),
    }),
    route({
      method: 'PUT',
      path: one,
      until,
      policy: policy('update'),
      body: GroupBody,
      summary: 'Rename a security group',
      handle: async (ctx, req) => {
        const { id } = await groupIn(ctx, deps, req)
        return {
          security_group: await viewOf(
            ctx,
            deps,
            await deps.network.updateSecurityGroup(ctx, id, wishOf(req.body.security_group)),
          ),
        }
      },
    }),
  ]
}

function deleteRoute(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'DELETE',
      path: one,
      until,
      policy: policy('delete'),
      summary: 'Delete a security group',
      handle: async (ctx, req) => {
        const { id } = await groupIn(ctx, deps, req)
        await oldWords(async () => await deps.network.deleteSecurityGroup(ctx, id))
        return reply(202)
      },
    }),
  ]
}

function ruleRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: rules,
      until,
      policy: policy('rule:create'),
      body: Envelope('security_group_rule', NewRule),
      summary: 'Allow traffic into a group',
      handle: async (ctx, req) => await createRule(ctx, deps, req.body.security_group_rule),
    }),
    route({
      method: 'DELETE',
      path: `${rules}/:id`,
      until,
      policy: policy('rule:delete'),
      summary: 'Delete a rule',
      handle: async (ctx, req) => {
        await deps.network.deleteSecurityGroupRule(ctx, (req.params as { id: string }).id) // the path has it
        return reply(202)
      },
    }),
  ]
}

const wishOf = (body: {
  readonly name: string
  readonly description?: string | null
}): { name: string; description: string } => ({
  name: body.name,
  description: body.description ?? '',
})

async function groupIn(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<SecurityGroupInfo> {
  return await deps.network.resolveSecurityGroup(ctx, (req.params as { id: string }).id) // asked only where the path has :id
}

async function list(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  const everything = req.rawQuery.has('all_tenants') && can(ctx, 'admin')
  const offset = queryCount(req, 'offset') ?? 0
  const limit = queryCount(req, 'limit') ?? Infinity
  const seen = await deps.network.listSecurityGroups(everything ? asCloud(ctx) : ctx)
  const groups = (
    everything ? seen : seen.filter((group) => group.projectId === projectOf(ctx))
  ).slice(offset, offset + limit)
  const byId = new Map(seen.map((group) => [group.id, group]))
  return { security_groups: groups.map((group) => groupView(group, byId)) }
}

/** One group, with the names of the groups its rules let in. */
async function viewOf(ctx: Ctx, deps: ComputeDeps, group: SecurityGroupInfo): Promise<unknown> {
  const named = group.rules.some((rule) => rule.remoteGroupId !== null)
    ? await deps.network.listSecurityGroups(ctx)
    : []
  return groupView(group, new Map(named.map((other) => [other.id, other])))
}

export function groupView(
  group: SecurityGroupInfo,
  byId: ReadonlyMap<string, SecurityGroupInfo>,
): unknown {
  const incoming = group.rules.filter((rule) => rule.direction === 'ingress')
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    tenant_id: group.projectId,
    rules: incoming.map((rule) =>
      ruleView(rule, rule.remoteGroupId === null ? undefined : byId.get(rule.remoteGroupId)),
    ),
  }
}

async function createRule(ctx: Ctx, deps: ComputeDeps, body: NewRule): Promise<unknown> {
  const wish = newRule(body)
  const parent = await deps.network.resolveSecurityGroup(ctx, wish.groupId)
  const remote =
    wish.remoteGroupId === null
      ? undefined
      : await deps.network.resolveSecurityGroup(ctx, wish.remoteGroupId)
  const rule = await oldWords(
    async () =>
      await deps.network.createSecurityGroupRule(ctx, {
        ...wish,
        groupId: parent.id,
        remoteGroupId: remote?.id ?? null,
      }),
  )
  return { security_group_rule: ruleView(rule, remote) }
}

/** What the network service calls a conflict (in use, there already) Nova has always answered with 400. */
async function oldWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isCloudError(error, 'conflict'))
      throw cloudError('badRequest', error.message, { cause: error })
    throw error
  }
}
