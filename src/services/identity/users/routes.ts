import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { projectsOfUser } from '../assignments/effective.ts'
import { groupView } from '../groups/view.ts'
import { listGroups } from '../groups/store.ts'
import { guarded, type Target } from '../guarded.ts'
import { deleteUser } from '../lifecycle.ts'
import { listBody, listQuery, passes } from '../list-query.ts'
import { newId } from '../new-id.ts'
import type { Parts } from '../parts.ts'
import { findDomain, findProject } from '../projects/store.ts'
import { projectViews } from '../projects/view.ts'
import { optionsOf } from '../roles/routes.ts'
import { unauthenticated } from '../tokens/refusals.ts'
import { revocationOf } from '../tokens/revocations.ts'
import { extraOf, IdParams } from '../wire.ts'
import { newPassword, refuseUsedBefore, remember } from './new-password.ts'
import { verifyPassword } from './passwords.ts'
import {
  ChangePassword,
  CreateUser,
  knownUserAttributes,
  UpdateUser,
  type NewUser,
  type UserChange,
} from './schema.ts'
import { findUser, getUser, insertUser, listUsers, saveUser, type UserRecord } from './store.ts'
import { userView } from './view.ts'

/** For rules that compare with the user of the path. */
export async function userTarget(
  ctx: Ctx,
  { params }: { readonly params: { readonly id: string } },
): Promise<Target> {
  const user = await findUser(ctx, params.id)
  return user === undefined
    ? {}
    : { 'target.user.id': user.id, 'target.user.domain_id': user.domainId }
}

/** Whoever has a token of a domain sees and makes things of that domain unless he names another. */
export function homeDomain(ctx: Ctx): string {
  const { domainId, projectDomainId } = whoOf(ctx)
  return domainId ?? projectDomainId ?? 'default'
}

/** A list asked with a token of a domain holds that domain only. */
export function domainFilter(ctx: Ctx): {
  readonly column: string
  readonly how: 'equals'
  readonly ignoreCase: false
  readonly value: string
}[] {
  const { domainId } = whoOf(ctx)
  return domainId === undefined
    ? []
    : [{ column: 'domain_id', how: 'equals', ignoreCase: false, value: domainId }]
}

/** /v3/users */
export function userRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes(parts), ...ofOneUser(parts), ...belongings(parts)]
}

/** A new user, and the list. */
function collectionRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: '/v3/users',
      policy: 'identity:create_user',
      body: CreateUser,
      status: 201,
      target: async (ctx, { body }) =>
        await Promise.resolve({ 'target.user.domain_id': body.user.domain_id ?? homeDomain(ctx) }),
      handle: async (ctx, req) => ({
        user: userView(req, await create(ctx, parts, req.body.user)),
      }),
    }),
    guarded({
      method: 'GET',
      path: '/v3/users',
      policy: 'identity:list_users',
      target: async (ctx) => await Promise.resolve({ 'target.domain_id': whoOf(ctx).domainId }),
      handle: async (ctx, req) => {
        const asked = listQuery(req.rawQuery, ['name', 'domain_id', 'id'], ['enabled'])
        const users = await listUsers(ctx, {
          ...asked,
          filters: [...asked.filters, ...domainFilter(ctx)],
        })
        return listBody(
          req,
          'users',
          users.map((user) => userView(req, user)),
          asked.limit,
        )
      },
    }),
  ]
}

/** A user by his id. */
function ofOneUser(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: '/v3/users/:id',
      policy: 'identity:get_user',
      params: IdParams,
      target: userTarget,
      handle: async (ctx, req) => ({ user: userView(req, await getUser(ctx, req.params.id)) }),
    }),
    guarded({
      method: 'PATCH',
      path: '/v3/users/:id',
      policy: 'identity:update_user',
      params: IdParams,
      body: UpdateUser,
      target: userTarget,
      handle: async (ctx, req) => ({
        user: userView(req, await update(ctx, parts, req.params.id, req.body.user)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/users/:id',
      policy: 'identity:delete_user',
      params: IdParams,
      target: userTarget,
      handle: async (ctx, { params }) => {
        const user = await getUser(ctx, params.id)
        await inTx(ctx, async (tx) => await deleteUser(tx, parts, user.id))
      },
    }),
  ]
}

/** What belongs to one user: the password, the groups, the projects. */
function belongings(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: '/v3/users/:id/password',
      policy: null,
      params: IdParams,
      body: ChangePassword,
      status: 204,
      summary: 'Change the own password',
      handle: async (ctx, req) => await changePassword(ctx, parts, req.params.id, req.body.user),
    }),
    guarded({
      method: 'GET',
      path: '/v3/users/:id/groups',
      policy: 'identity:list_groups_for_user',
      params: IdParams,
      target: userTarget,
      handle: async (ctx, req) =>
        await groupsBody(ctx, req, (await getUser(ctx, req.params.id)).id),
    }),
    guarded({
      method: 'GET',
      path: '/v3/users/:id/projects',
      policy: 'identity:list_projects_for_user',
      params: IdParams,
      target: userTarget,
      handle: async (ctx, req) =>
        await projectsBody(ctx, req, (await getUser(ctx, req.params.id)).id),
    }),
  ]
}

async function groupsBody(ctx: Ctx, req: Req, userId: string): Promise<unknown> {
  const asked = listQuery(req.rawQuery, ['name'])
  const groups = await listGroups(
    ctx,
    { ...asked, filters: [...asked.filters, ...domainFilter(ctx)] },
    userId,
  )
  return listBody(
    req,
    'groups',
    groups.map((group) => groupView(req, group)),
    asked.limit,
  )
}

async function projectsBody(ctx: Ctx, req: Req, userId: string): Promise<unknown> {
  const { filters, limit } = listQuery(
    req.rawQuery,
    ['name', 'domain_id', 'parent_id', 'id'],
    ['enabled'],
  )
  const projects = (await projectsOfUser(ctx, userId)).filter((project) => {
    const values: Record<string, unknown> = {
      name: project.name,
      domain_id: project.domainId,
      parent_id: project.parentId,
      id: project.id,
      enabled: project.enabled,
    }
    return !project.isDomain && filters.every((filter) => passes(filter, values[filter.column]))
  })
  return listBody(req, 'projects', await projectViews(ctx, req, projects), limit)
}

async function create(ctx: Ctx, parts: Parts, wish: NewUser): Promise<UserRecord> {
  const domainId = wish.domain_id ?? homeDomain(ctx)
  if ((await findDomain(ctx, domainId)) === undefined)
    throw cloudError('notFound', `Could not find domain: ${domainId}.`)
  const options = optionsOf(wish.options)
  const password =
    wish.password == null
      ? { passwordHash: null, passwordChangedAt: null, passwordExpiresAt: null }
      : await newPassword(ctx, parts, wish.password, options)
  const user: UserRecord = {
    id: newId(),
    name: wish.name.trim(),
    domainId,
    enabled: wish.enabled ?? true,
    ...password,
    options,
    defaultProjectId: await usableDefault(ctx, wish.default_project_id ?? null),
    failedLogins: 0,
    failedAt: null,
    extra: extraOf(wish, knownUserAttributes),
  }
  await inTx(ctx, async (tx) => {
    await insertUser(tx, user)
    await remember(tx, parts, user.id, user.passwordHash)
  })
  return user
}

/** A domain cannot be a default project; a project that is not there (yet) is only ignored at login. */
async function usableDefault(ctx: Ctx, id: string | null): Promise<string | null> {
  if (id !== null && (await findProject(ctx, id))?.isDomain === true)
    throw cloudError('badRequest', `User's default project ID cannot be a domain ID: ${id}.`)
  return id
}

async function update(ctx: Ctx, parts: Parts, id: string, wish: UserChange): Promise<UserRecord> {
  const user = await getUser(ctx, id)
  if (wish.domain_id !== undefined && wish.domain_id !== user.domainId)
    throw cloudError('badRequest', 'The domain_id of a user cannot be changed.')
  const options =
    wish.options === undefined ? user.options : optionsOf({ ...user.options, ...wish.options })
  const password =
    wish.password === undefined
      ? {}
      : wish.password === null
        ? { passwordHash: null, passwordChangedAt: null, passwordExpiresAt: null }
        : await newPassword(ctx, parts, wish.password, options)
  const changed: UserRecord = {
    ...user,
    ...password,
    options,
    name: wish.name?.trim() ?? user.name,
    enabled: wish.enabled ?? user.enabled,
    defaultProjectId:
      wish.default_project_id === undefined
        ? user.defaultProjectId
        : await usableDefault(ctx, wish.default_project_id),
    extra: { ...user.extra, ...extraOf(wish, knownUserAttributes) },
  }
  await inTx(ctx, async (tx) => {
    await saveUser(tx, changed)
    if (wish.password != null) await remember(tx, parts, id, changed.passwordHash)
    if (wish.password !== undefined || (user.enabled && !changed.enabled))
      await parts.revocations.add(tx, [revocationOf.user(id)])
  })
  return changed
}

/** Needs no token: a user whose password has expired must be able to change it. The old one proves who asks. */
async function changePassword(
  ctx: Ctx,
  parts: Parts,
  id: string,
  wish: { readonly password: string; readonly original_password: string },
): Promise<void> {
  const user = await findUser(ctx, id)
  const right = await verifyPassword(wish.original_password, user?.passwordHash)
  if (user === undefined || !right || !user.enabled) throw unauthenticated('password change')
  if (user.options['lock_password'] === true)
    throw cloudError('badRequest', 'The password of this user is locked: ask an administrator.')
  await refuseUsedBefore(ctx, parts, user, wish.password)
  const password = await newPassword(ctx, parts, wish.password, user.options)
  await inTx(ctx, async (tx) => {
    await saveUser(tx, { ...user, ...password, failedLogins: 0, failedAt: null })
    await remember(tx, parts, id, password.passwordHash)
    await parts.revocations.add(tx, [revocationOf.user(id)])
  })
}
