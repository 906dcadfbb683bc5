import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import { getImage } from '../images/store.ts'
import { wireTime } from '../images/view.ts'
import { pageLinks } from '../page-links.ts'
import type { ImageTaskTable } from './schema.ts'
import { findTask, listTasks, listTasksOf } from './store.ts'

const Id = Type.Object({ id: Type.String() })

/** Tasks show how imports go. They are made by imports only: the old way of posting them is refused, as Glance does. */
export const taskRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v2/images/:id/tasks',
    policy: 'get_image',
    params: Id,
    summary: 'Lists the tasks of an image',
    handle: async (ctx, { params }) => {
      const image = await getImage(ctx, params.id)
      return { tasks: (await listTasksOf(ctx, image.id)).map(taskView) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2/tasks',
    policy: 'tasks_api_access',
    summary: 'Lists tasks',
    handle: async (ctx, req) => await index(ctx, req),
  }),
  route({
    method: 'GET',
    path: '/v2/tasks/:id',
    policy: 'tasks_api_access',
    params: Id,
    summary: 'Shows a task',
    handle: async (ctx, { params }) => await show(ctx, params.id),
  }),
  route({
    method: 'POST',
    path: '/v2/tasks',
    policy: 'tasks_api_access',
    body: Type.Unknown(),
    summary: 'Refused: images are imported by POST /v2/images/{id}/import',
    handle: async () => {
      return await Promise.reject(
        cloudError(
          'forbidden',
          'Tasks cannot be created directly: create an image and POST to its import.',
        ),
      )
    },
  }),
]

export function taskView(task: ImageTaskTable): Record<string, unknown> {
  return {
    id: task.id,
    type: task.type,
    status: task.status,
    owner: task.owner,
    input: fromJson(task.input),
    result: task.status === 'success' ? { image_id: task.image_id } : null,
    message: task.message,
    image_id: task.image_id,
    request_id: task.request_id,
    user_id: task.user_id,
    created_at: wireTime(task.created_at),
    updated_at: wireTime(task.updated_at),
    ...(task.expires_at === null ? {} : { expires_at: wireTime(task.expires_at) }),
    self: `/v2/tasks/${task.id}`,
    schema: '/v2/schemas/task',
  }
}

/** In lists Glance leaves out what may be long. */
function shortView(task: ImageTaskTable): Record<string, unknown> {
  const {
    input: _input,
    result: _result,
    message: _message,
    image_id: _image,
    request_id: _request,
    user_id: _user,
    ...short
  } = taskView(task)
  return short
}

async function show(ctx: Ctx, id: string): Promise<Record<string, unknown>> {
  const task = await findTask(ctx, id)
  if (task === undefined) throw noSuchTask(id)
  return taskView(task)
}

async function index(ctx: Ctx, req: Req): Promise<Record<string, unknown>> {
  const query = req.rawQuery
  const page = pageOf(query, {
    sortable: ['created_at', 'id', 'status', 'type', 'updated_at', 'expires_at'],
    defaultSort: [],
    defaultLimit: 25,
  })
  const after = page.marker === undefined ? undefined : await findTask(ctx, page.marker)
  if (page.marker !== undefined && after === undefined)
    throw cloudError('badRequest', `The marker ${page.marker.slice(0, 80)} is not a task.`)
  const status = query.get('status')
  const type = query.get('type')
  const rows = await listTasks(ctx, {
    ...(status === null ? {} : { status }),
    ...(type === null ? {} : { type }),
    ...(after === undefined ? {} : { after }),
    limit: page.limit + 1,
  })
  const shown = rows.slice(0, page.limit)
  const more = page.limit > 0 && rows.length > page.limit
  return {
    tasks: shown.map(shortView),
    ...pageLinks('/v2/tasks', query, more ? shown.at(-1)?.id : undefined),
    schema: '/v2/schemas/tasks',
  }
}

function noSuchTask(id: string): Error {
  return cloudError('notFound', `Failed to find task ${id.slice(0, 80)}.`)
}
