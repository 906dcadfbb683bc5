import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { Type } from '../../../kernel/schema/type.ts'
import { projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { BooleanLike, Ident, toBoolean } from '../wire/schemas.ts'
import type { BuildDeps } from './deps.ts'
import { readLog } from './log.ts'
import { BUILD } from './reconcile.ts'
import { buildView, isOver, NewBuildQuery, type BuildOptions, type BuildRow } from './schema.ts'
import { deleteBuild, findBuild, insertBuild, listBuilds, updateBuild } from './store.ts'

const Path = Type.Object({ id: Ident })
const LogQuery = Type.Object(
  { follow: Type.Optional(BooleanLike) },
  { additionalProperties: false },
)
const LISTED = 200

/**
 * `docker build` for a cloud (ours; no Zun ever had it): a tar with a Dockerfile is sent, an image in Glance comes back. The
 * build goes on when the client goes; its log can be read and followed, also later.
 */
export function buildRoutes(deps: BuildDeps): readonly Route[] {
  return [createRoute(deps), ...readRoutes(), ...endRoutes()]
}

function createRoute(deps: BuildDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/builds',
    policy: 'container:build:create',
    query: NewBuildQuery,
    streamed: true,
    status: 202,
    summary: 'Build an image from a tar (plain or gzip) with a Dockerfile',
    handle: async (ctx, { query, stream }) => {
      const row = newBuild(ctx, query)
      await keepContext(deps, row.id, stream)
      try {
        await inTx(ctx, async (tx) => {
          await insertBuild(tx, row)
          await nudge(tx, BUILD, row.id)
        })
      } catch (error) {
        await deps.contexts.remove(row.id)
        throw error
      }
      return { build: buildView(row) }
    },
  })
}

function readRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/builds',
      policy: 'container:build:get_all',
      summary: 'List builds, the newest first',
      handle: async (ctx) => ({
        builds: (await listBuilds(ctx, projectOf(ctx), LISTED)).map(buildView),
      }),
    }),
    route({
      method: 'GET',
      path: '/v1/builds/:id',
      policy: 'container:build:get_one',
      params: Path,
      summary: 'Show a build',
      handle: async (ctx, { params }) => ({ build: buildView(await ownBuild(ctx, params.id)) }),
    }),
    route({
      method: 'GET',
      path: '/v1/builds/:id/log',
      policy: 'container:build:get_one',
      params: Path,
      query: LogQuery,
      summary: 'What a build said; with follow=true until it is over',
      handle: async (ctx, { params, query }) => {
        const { id } = await ownBuild(ctx, params.id)
        const text = readLog(ctx, id, toBoolean(query.follow))
        return reply(200, text, { 'content-type': 'text/plain; charset=utf-8' })
      },
    }),
  ]
}

function endRoutes(): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/builds/:id/cancel',
      policy: 'container:build:cancel',
      params: Path,
      status: 202,
      summary: 'End a build that is under way',
      handle: async (ctx, { params }) => {
        const build = await ownBuild(ctx, params.id)
        if (isOver(build.status))
          throw cloudError('conflict', `Build ${build.id} is over: it is ${build.status}.`)
        await inTx(ctx, async (tx) => {
          await updateBuild(tx, build.id, { cancelled: 1 })
          await nudge(tx, BUILD, build.id)
        })
        return { build: buildView(await ownBuild(ctx, build.id)) }
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/builds/:id',
      policy: 'container:build:delete',
      params: Path,
      status: 204,
      summary: 'Forget a build that is over; its image stays',
      handle: async (ctx, { params }) => {
        const build = await ownBuild(ctx, params.id)
        if (!isOver(build.status))
          throw cloudError('conflict', `Build ${build.id} is ${build.status}: cancel it first.`)
        await inTx(ctx, async (tx) => await deleteBuild(tx, build.id))
      },
    }),
  ]
}

/** 404 for another project's, as for none. */
async function ownBuild(ctx: Ctx, id: string): Promise<BuildRow> {
  const build = await findBuild(ctx, id)
  if (build?.project_id === projectOf(ctx)) return build
  throw cloudError('notFound', `Build ${id.slice(0, 255)} could not be found.`)
}

/** Kept until the build is over, so that it can be begun anew. 413 when it is too large, 400 when nothing came. */
async function keepContext(deps: BuildDeps, id: string, content: Readable): Promise<void> {
  const { sizeBytes } = await deps.contexts.write(id, content, { maxBytes: deps.maxContextBytes })
  if (sizeBytes > 0) return
  await deps.contexts.remove(id)
  throw cloudError('badRequest', 'The body is empty: send a tar with a Dockerfile in it.')
}

function newBuild(ctx: Ctx, query: NewBuildQuery): BuildRow {
  return {
    id: randomUUID(),
    project_id: projectOf(ctx),
    user_id: whoOf(ctx).userId,
    name: query.name,
    status: 'Queued',
    reason: null,
    options: toJson(optionsOf(query)),
    cancelled: 0,
    attempts: 0,
    image_id: null,
    created_at: ctx.now().toISOString(),
    started_at: null,
    finished_at: null,
  }
}

function optionsOf(query: NewBuildQuery): BuildOptions {
  return {
    args: pairsOf(query.arg, 'arg'),
    labels: pairsOf(query.label, 'label'),
    noCache: toBoolean(query.no_cache),
    pull: toBoolean(query.pull),
    ...(query.dockerfile === undefined ? {} : { dockerfile: query.dockerfile }),
    ...(query.target === undefined ? {} : { target: query.target }),
    ...(query.network === undefined ? {} : { network: query.network }),
  }
}

/** `arg=NAME=value`, as often as wished. */
function pairsOf(
  sent: string | readonly string[] | undefined,
  what: string,
): Record<string, string> {
  const list = sent === undefined ? [] : typeof sent === 'string' ? [sent] : sent
  return Object.fromEntries(
    list.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw cloudError('badRequest', `${what} must read NAME=value, not '${pair}'.`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}
