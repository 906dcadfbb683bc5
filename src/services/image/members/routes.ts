import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { mustFor, viewerOf } from '../access.ts'
import type { Image } from '../images/schema.ts'
import { getImage } from '../images/store.ts'
import { wireTime } from '../images/view.ts'
import { door } from '../policies.ts'
import { MEMBERS_PER_IMAGE, mustBeFew } from '../quota.ts'
import { MemberChange, NewMember, type MemberTable } from './schema.ts'
import { findMember, insertMember, listMembers, removeMember, updateMember } from './store.ts'

/** Sharing: the owner invites projects to an image, each of them answers for itself. */
const Id = Type.Object({ id: Type.String() })
const ImageMember = Type.Object({ id: Type.String(), member: Type.String() })

export const memberRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v2/images/:id/members',
    policy: door('add_member'),
    params: Id,
    body: NewMember,
    summary: 'Shares an image with a project',
    handle: async (ctx, { params, body }) => await add(ctx, params.id, body.member),
  }),
  route({
    method: 'GET',
    path: '/v2/images/:id/members',
    policy: 'get_members',
    params: Id,
    summary: 'Lists the projects an image is shared with',
    handle: async (ctx, { params }) => await index(ctx, params.id),
  }),
  route({
    method: 'GET',
    path: '/v2/images/:id/members/:member',
    policy: 'get_member',
    params: ImageMember,
    summary: 'Shows a member',
    handle: async (ctx, { params }) => await show(ctx, params.id, params.member),
  }),
  route({
    method: 'PUT',
    path: '/v2/images/:id/members/:member',
    policy: door('modify_member'),
    params: ImageMember,
    body: MemberChange,
    summary: 'Accepts or rejects a shared image',
    handle: async (ctx, { params, body }) =>
      await answer(ctx, params.id, params.member, body.status),
  }),
  route({
    method: 'DELETE',
    path: '/v2/images/:id/members/:member',
    policy: door('delete_member'),
    params: ImageMember,
    summary: 'Ends the sharing with a project',
    handle: async (ctx, { params }) => await remove(ctx, params.id, params.member),
  }),
]

function memberView(row: MemberTable): Record<string, unknown> {
  return {
    member_id: row.member,
    image_id: row.image_id,
    status: row.status,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    schema: '/v2/schemas/member',
  }
}

async function add(ctx: Ctx, id: string, member: string): Promise<Record<string, unknown>> {
  const image = await getImage(ctx, id)
  mustFor(ctx, 'add_member', image.owner)
  if (image.visibility !== 'shared')
    throw cloudError(
      'forbidden',
      `Only shared images have members: image ${id} is ${image.visibility}.`,
    )
  mustBeFew((await listMembers(ctx, id)).length + 1, MEMBERS_PER_IMAGE, 'members')
  const now = ctx.now().toISOString()
  const row: MemberTable = {
    image_id: id,
    member,
    status: 'pending',
    created_at: now,
    updated_at: now,
  }
  if (!(await insertMember(ctx, row)))
    throw cloudError(
      'conflict',
      `Image ${id} is already associated with the project ${member.slice(0, 80)}.`,
    )
  return memberView(row)
}

/** Whose eyes see which members: the owner all, an invited project only itself. */
function mayKnow(ctx: Ctx, image: Image): (row: MemberTable) => boolean {
  const viewer = viewerOf(ctx)
  return (row) => viewer === undefined || viewer === image.owner || viewer === row.member
}

async function index(ctx: Ctx, id: string): Promise<Record<string, unknown>> {
  const image = await getImage(ctx, id)
  if (image.visibility === 'public' || image.visibility === 'community') {
    throw cloudError(
      'forbidden',
      `Only shared images have members: image ${id} is ${image.visibility}.`,
    )
  }
  const rows = await listMembers(ctx, id)
  return {
    members: rows.filter(mayKnow(ctx, image)).map(memberView),
    schema: '/v2/schemas/members',
  }
}

async function show(ctx: Ctx, id: string, member: string): Promise<Record<string, unknown>> {
  const image = await getImage(ctx, id)
  const row = await findMember(ctx, id, member)
  if (row === undefined || !mayKnow(ctx, image)(row)) throw noSuchMember(id, member)
  return memberView(row)
}

async function answer(
  ctx: Ctx,
  id: string,
  member: string,
  status: MemberTable['status'],
): Promise<Record<string, unknown>> {
  const image = await getImage(ctx, id)
  const row = await findMember(ctx, id, member)
  if (row === undefined || !mayKnow(ctx, image)(row)) throw noSuchMember(id, member)
  mustFor(ctx, 'modify_member', member)
  const changed = await updateMember(ctx, id, member, status)
  if (changed === undefined) throw noSuchMember(id, member)
  return memberView(changed)
}

async function remove(ctx: Ctx, id: string, member: string): Promise<void> {
  const image = await getImage(ctx, id)
  mustFor(ctx, 'delete_member', image.owner)
  if (!(await removeMember(ctx, id, member))) throw noSuchMember(id, member)
}

function noSuchMember(id: string, member: string): Error {
  return cloudError('notFound', `${member.slice(0, 80)} is not a member of the image ${id}.`)
}
