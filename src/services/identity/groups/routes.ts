import { Type, type Static } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Route } from '../../../kernel/http/route.ts'
import { guarded, type Target } from '../guarded.ts'
import { deleteGroup } from '../lifecycle.ts'
import { listBody, listQuery } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { findDomain } from '../projects/store.ts'
import { revocationOf } from '../tokens/revocations.ts'
import { domainFilter, homeDomain } from '../users/routes.ts'
import { findUser, getUser, listUsers } from '../users/store.ts'
import { userView } from '../users/view.ts'
import { extraOf, IdParams, IdText, openBody, ShortName } from '../wire.ts'
import {
  addMember,
  findGroup,
  getGroup,
  insertGroup,
  isMember,
  listGroups,
  removeMember,
  saveGroup,
  type GroupRecord,
} from './store.ts'
import { groupView } from './view.ts'

const Text = Type.Optional(Type.String({ maxLength: 65_535 }))
const Create = openBody('group', {
  name: ShortName,
  domain_id: Type.Optional(IdText),
  description: Text,
})
const Update = openBody(
  'group',
  { name: Type.Optional(ShortName), domain_id: Type.Optional(IdText), description: Text },
  { minProperties: 1 },
)
const known = ['name', 'domain_id', 'description'] as const
const Member = Type.Object({ id: Type.String(), user_id: Type.String() })

async function groupTarget(
  ctx: Ctx,
  { params }: { readonly params: { readonly id: string } },
): Promise<Target> {
  const group = await findGroup(ctx, params.id)
  return group === undefined ? {} : { 'target.group.domain_id': group.domainId }
}

async function memberTarget(
  ctx: Ctx,
  { params }: { readonly params: { readonly id: string; readonly user_id: string } },
): Promise<Target> {
  const user = await findUser(ctx, params.user_id)
  return {
    ...(await groupTarget(ctx, { params })),
    ...(user === undefined ? {} : { 'target.user.domain_id': user.domainId }),
  }
}

/** /v3/groups and their members. */
export function groupRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes, ...ofOneGroup(parts), membersRoute, ...ofOneMember(parts)]
}

/** A new group, and the list. */
const collectionRoutes: readonly Route[] = [
  guarded({
    method: 'POST',
    path: '/v3/groups',
    policy: 'identity:create_group',
    body: Create,
    status: 201,
    target: async (ctx, { body }) =>
      await Promise.resolve({
        'target.group.domain_id': body.group.domain_id ?? homeDomain(ctx),
      }),
    handle: async (ctx, req) => ({ group: groupView(req, await create(ctx, req.body.group)) }),
  }),
  guarded({
    method: 'GET',
    path: '/v3/groups',
    policy: 'identity:list_groups',
    target: async (ctx) => await Promise.resolve({ 'target.group.domain_id': whoOf(ctx).domainId }),
    handle: async (ctx, req) => {
      const asked = listQuery(req.rawQuery, ['name', 'domain_id', 'id'])
      const groups = await listGroups(ctx, {
        ...asked,
        filters: [...asked.filters, ...domainFilter(ctx)],
      })
      return listBody(
        req,
        'groups',
        groups.map((group) => groupView(req, group)),
        asked.limit,
      )
    },
  }),
]

/** A group by its id. */
function ofOneGroup(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: '/v3/groups/:id',
      policy: 'identity:get_group',
      params: IdParams,
      target: groupTarget,
      handle: async (ctx, req) => ({ group: groupView(req, await getGroup(ctx, req.params.id)) }),
    }),
    guarded({
      method: 'PATCH',
      path: '/v3/groups/:id',
      policy: 'identity:update_group',
      params: IdParams,
      body: Update,
      target: groupTarget,
      handle: async (ctx, req) => ({
        group: groupView(req, await update(ctx, req.params.id, req.body.group)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/groups/:id',
      policy: 'identity:delete_group',
      params: IdParams,
      // here, as in Keystone, the 404 comes before the 403
      target: async (ctx, { params }) => ({
        'target.group.domain_id': (await getGroup(ctx, params.id)).domainId,
      }),
      handle: async (ctx, { params }) => {
        const group = await getGroup(ctx, params.id)
        await inTx(ctx, async (tx) => await deleteGroup(tx, parts, group.id))
      },
    }),
  ]
}

const membersRoute: Route = guarded({
  method: 'GET',
  path: '/v3/groups/:id/users',
  policy: 'identity:list_users_in_group',
  params: IdParams,
  target: groupTarget,
  handle: async (ctx, req) => {
    const group = await getGroup(ctx, req.params.id)
    const asked = listQuery(req.rawQuery, ['name', 'domain_id'], ['enabled'])
    const users = await listUsers(
      ctx,
      { ...asked, filters: [...asked.filters, ...domainFilter(ctx)] },
      group.id,
    )
    return listBody(
      req,
      'users',
      users.map((user) => userView(req, user)),
      asked.limit,
    )
  },
})

/** One user in one group: put in, looked for, or taken out. */
function ofOneMember(parts: Parts): readonly Route[] {
  const path = '/v3/groups/:id/users/:user_id'
  return [
    guarded({
      method: 'PUT',
      path,
      policy: 'identity:add_user_to_group',
      params: Member,
      target: memberTarget,
      handle: async (ctx, { params }) => {
        const [user, group] = [await getUser(ctx, params.user_id), await getGroup(ctx, params.id)]
        await addMember(ctx, group.id, user.id)
      },
    }),
    guarded({
      method: 'GET',
      path,
      policy: 'identity:check_user_in_group',
      params: Member,
      target: memberTarget,
      status: 204,
      handle: async (ctx, { params }) => {
        const [user, group] = [await getUser(ctx, params.user_id), await getGroup(ctx, params.id)]
        if (!(await isMember(ctx, group.id, user.id))) throw notInGroup(params)
      },
    }),
    guarded({
      method: 'DELETE',
      path,
      policy: 'identity:remove_user_from_group',
      params: Member,
      target: memberTarget,
      handle: async (ctx, { params }) => await takeOut(ctx, parts, params),
    }),
  ]
}

async function create(ctx: Ctx, wish: Static<typeof Create>['group']): Promise<GroupRecord> {
  const domainId = wish.domain_id ?? homeDomain(ctx)
  if ((await findDomain(ctx, domainId)) === undefined) throw notFound('domain', domainId)
  const group: GroupRecord = {
    id: newId(),
    name: wish.name,
    domainId,
    description: wish.description ?? '',
    extra: extraOf(wish, known),
  }
  await insertGroup(ctx, group)
  return group
}

async function update(
  ctx: Ctx,
  id: string,
  wish: Static<typeof Update>['group'],
): Promise<GroupRecord> {
  const group = await getGroup(ctx, id)
  if (wish.domain_id !== undefined && wish.domain_id !== group.domainId)
    throw cloudError('badRequest', 'The domain_id of a group cannot be changed.')
  const changed: GroupRecord = {
    ...group,
    name: wish.name ?? group.name,
    description: wish.description ?? group.description,
    extra: { ...group.extra, ...extraOf(wish, known) },
  }
  await saveGroup(ctx, changed)
  return changed
}

async function takeOut(ctx: Ctx, parts: Parts, params: Static<typeof Member>): Promise<void> {
  const [user, group] = [await getUser(ctx, params.user_id), await getGroup(ctx, params.id)]
  await inTx(ctx, async (tx) => {
    if (!(await removeMember(tx, group.id, user.id))) throw notInGroup(params)
    await parts.revocations.add(tx, [revocationOf.user(user.id)])
  })
}

function notInGroup(params: { readonly id: string; readonly user_id: string }): Error {
  return notFound(`user in group ${params.id.slice(0, 64)}`, params.user_id)
}
