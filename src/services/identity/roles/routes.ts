import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Route } from '../../../kernel/http/route.ts'
import { allow, guarded } from '../guarded.ts'
import { deleteRole } from '../lifecycle.ts'
import { listBody, listQuery } from '../list-query.ts'
import { newId } from '../new-id.ts'
import type { Parts } from '../parts.ts'
import { getDomain } from '../projects/store.ts'
import { Description, extraOf, IdParams, Name, NullableId, openBody } from '../wire.ts'
import { getRole, insertRole, listRoles, saveRole, type RoleRecord } from './store.ts'
import { roleView } from './view.ts'

const Options = Type.Optional(
  Type.Object(
    { immutable: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])) },
    { additionalProperties: false },
  ),
)
const known = ['name', 'domain_id', 'description', 'options'] as const

const Create = openBody('role', {
  name: Name,
  domain_id: Type.Optional(NullableId),
  description: Type.Optional(Description),
  options: Options,
})
const Update = openBody(
  'role',
  {
    name: Type.Optional(Name),
    domain_id: Type.Optional(NullableId),
    description: Type.Optional(Description),
    options: Options,
  },
  { minProperties: 1 },
)

/** Another rule holds for roles of a domain than for roles of the cloud; a role that is not there is a 404 for everybody. */
async function checkOne(ctx: Ctx, verb: 'get' | 'update' | 'delete', id: string): Promise<void> {
  const role = await getRole(ctx, id)
  allow(ctx, role.domainId === null ? `identity:${verb}_role` : `identity:${verb}_domain_role`, {})
}

/** Roles: names that policies ask for; those of a domain only bundle others. */
export function roleRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes, ...ofOneRole(parts)]
}

/** A new role, and the list; other rules hold for those of a domain. */
const collectionRoutes: readonly Route[] = [
  guarded({
    method: 'POST',
    path: '/v3/roles',
    policy: 'identity:create_role',
    body: Create,
    status: 201,
    check: async (ctx, { body }) =>
      await Promise.resolve(
        allow(
          ctx,
          body.role.domain_id == null ? 'identity:create_role' : 'identity:create_domain_role',
          {},
        ),
      ),
    handle: async (ctx, req) => ({ role: roleView(req, await create(ctx, req.body.role)) }),
  }),
  guarded({
    method: 'GET',
    path: '/v3/roles',
    policy: 'identity:list_roles',
    check: async (ctx, { rawQuery }) =>
      await Promise.resolve(
        allow(
          ctx,
          rawQuery.has('domain_id') ? 'identity:list_domain_roles' : 'identity:list_roles',
          {},
        ),
      ),
    handle: async (ctx, req) => {
      const list = listQuery(req.rawQuery, ['name', 'id'])
      const domainId = req.rawQuery.get('domain_id')
      const roles = await listRoles(ctx, list, domainId === '' ? null : domainId)
      return listBody(
        req,
        'roles',
        roles.map((role) => roleView(req, role)),
        list.limit,
      )
    },
  }),
]

/** A role by its id. */
function ofOneRole(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: '/v3/roles/:id',
      policy: 'identity:get_role',
      params: IdParams,
      check: async (ctx, { params }) => await checkOne(ctx, 'get', params.id),
      handle: async (ctx, req) => ({ role: roleView(req, await getRole(ctx, req.params.id)) }),
    }),
    guarded({
      method: 'PATCH',
      path: '/v3/roles/:id',
      policy: 'identity:update_role',
      params: IdParams,
      body: Update,
      check: async (ctx, { params }) => await checkOne(ctx, 'update', params.id),
      handle: async (ctx, req) => ({
        role: roleView(req, await update(ctx, req.params.id, req.body.role)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/roles/:id',
      policy: 'identity:delete_role',
      params: IdParams,
      check: async (ctx, { params }) => await checkOne(ctx, 'delete', params.id),
      handle: async (ctx, { params }) => {
        const role = await getRole(ctx, params.id)
        refuseImmutable(role, undefined)
        await inTx(ctx, async (tx) => await deleteRole(tx, parts, role.id))
      },
    }),
  ]
}

interface RoleChange {
  readonly name?: string
  readonly domain_id?: string | null
  readonly description?: string | null
  readonly options?: { readonly immutable?: boolean | null }
}

async function create(ctx: Ctx, wish: Static<typeof Create>['role']): Promise<RoleRecord> {
  if (wish.domain_id != null) await getDomain(ctx, wish.domain_id)
  const role: RoleRecord = {
    id: newId(),
    name: wish.name,
    domainId: wish.domain_id ?? null,
    description: wish.description ?? null,
    options: optionsOf(wish.options),
    extra: extraOf(wish, known),
  }
  await insertRole(ctx, role)
  return role
}

async function update(ctx: Ctx, id: string, wish: RoleChange): Promise<RoleRecord> {
  const role = await getRole(ctx, id)
  refuseImmutable(role, wish)
  if (wish.domain_id !== undefined && wish.domain_id !== role.domainId)
    throw cloudError('badRequest', 'The domain_id of a role cannot be changed.')
  const changed: RoleRecord = {
    ...role,
    name: wish.name ?? role.name,
    description: wish.description === undefined ? role.description : wish.description,
    options:
      wish.options === undefined ? role.options : optionsOf({ ...role.options, ...wish.options }),
    extra: { ...role.extra, ...extraOf({ ...wish }, known) },
  }
  await saveRole(ctx, changed)
  return changed
}

/** An immutable role must first be made mutable, and by nothing else in the same request. */
function refuseImmutable(role: RoleRecord, wish: RoleChange | undefined): void {
  if (role.options['immutable'] !== true) return
  const onlyOptions =
    wish !== undefined &&
    Object.keys(wish).every((key) => key === 'options') &&
    wish.options?.immutable !== undefined
  if (!onlyOptions)
    throw cloudError(
      'forbidden',
      `Role ${role.id} is immutable: set its option immutable to false first.`,
    )
}

/** null removes an option. */
export function optionsOf(
  options: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== null))
}
