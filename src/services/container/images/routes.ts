import { Type, type Static } from '../../../kernel/schema/type.ts'
import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { hostUuid } from '../hosts/routes.ts'
import { linksOf, nextOf } from '../wire/links.ts'
import { ruleOf } from '../wire/policy.ts'
import { Ident, ImageName, Text } from '../wire/schemas.ts'
import { referenceOf } from './reconcile.ts'
import { deletePull, findPull, listPulls, upsertPull, type PullRow } from './store.ts'
import { imageView, namesOf, partsOf, pullOf, type NamedImage } from './view.ts'

const Pull = Type.Object(
  { repo: ImageName, host: Ident, tag: Type.Optional(Text(128)) },
  { additionalProperties: false },
)
const ListQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    marker: Type.Optional(Text(255)),
    sort_key: Type.Optional(Text(60)),
    sort_dir: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
  },
  { additionalProperties: false },
)
const one = { path: '/v1/images/:id', params: Type.Object({ id: Type.String() }) } as const

/** Images that hosts have by their names, for the operator. */
export function imageRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    listRoute(deps),
    pullRoute(deps),
    route({
      ...one,
      method: 'GET',
      policy: ruleOf('image:get_one'),
      summary: 'Show an image',
      handle: async (ctx, req) =>
        imageView(req, deps.hostName, await getImage(ctx, deps, req.params.id)),
    }),
    route({
      ...one,
      method: 'DELETE',
      policy: ruleOf('image:delete'),
      summary: 'Remove an image from its host, or a pull that failed',
      status: 204,
      handle: async (ctx, req) => {
        const { id, repo, tag, image } = await getImage(ctx, deps, req.params.id)
        if (image !== undefined)
          await deps.workload.engineImages.removeNamedImage(referenceOf({ repo, tag }))
        await deletePull(ctx, id)
      },
    }),
  ]
}

/** What is there by name, and what is on its way. */
async function allImages(ctx: Ctx, deps: ContainerDeps): Promise<readonly NamedImage[]> {
  const present = (await deps.workload.engineImages.listImages()).flatMap(namesOf)
  const there = new Set(present.map(({ id }) => id))
  const pulls = (await listPulls(ctx)).filter(({ id }) => !there.has(id))
  return [...present, ...pulls.map(pullOf)]
}

async function getImage(ctx: Ctx, deps: ContainerDeps, ident: string): Promise<NamedImage> {
  const found = (await allImages(ctx, deps)).find(
    ({ id, repo, tag, image }) =>
      id === ident || image?.id === ident || referenceOf({ repo, tag }) === ident,
  )
  if (found === undefined)
    throw cloudError('notFound', `Image ${ident.slice(0, 255)} could not be found.`, {
      code: 'image-not-found',
    })
  return found
}

const SORTS: Readonly<Record<string, (image: NamedImage) => string | number>> = {
  id: ({ repo, tag }) => referenceOf({ repo, tag }),
  uuid: ({ id }) => id,
  repo: ({ repo }) => repo,
  tag: ({ tag }) => tag,
  size: ({ image }) => image?.sizeBytes ?? 0,
}

function listRoute(deps: ContainerDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/images',
    policy: ruleOf('image:get_all'),
    summary: 'List the images of all hosts',
    query: ListQuery,
    handle: async (ctx, req) => {
      const dir = req.rawQuery.get('sort_dir') === 'desc' ? 'desc' : 'asc'
      const page = pageOf(req.rawQuery, {
        sortable: Object.keys(SORTS),
        defaultSort: [{ key: 'id', dir }],
      })
      const images = await allImages(ctx, deps)
      const cut = cutPage(images, page, (image, key) => SORTS[key]?.(image))
      return {
        images: cut.items.map((image) => imageView(req, deps.hostName, image)),
        next: nextOf(req, cut.items.at(-1)?.id, cut.more),
      }
    },
  })
}

function pullRoute(deps: ContainerDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/images',
    policy: ruleOf('image:pull'),
    summary: 'Fetch an image to a host',
    body: Pull,
    handle: async (ctx, req) => {
      const pull = await begin(ctx, deps, req.body)
      const [self] = linksOf(req, 'images', pull.id)
      const view = imageView(req, deps.hostName, pullOf(pull))
      return reply(202, view, { Location: self?.href ?? '' })
    },
  })
}

async function begin(
  ctx: Ctx,
  deps: ContainerDeps,
  { repo, tag, host }: Static<typeof Pull>,
): Promise<PullRow> {
  if (host !== deps.hostName && host !== hostUuid(deps.hostName))
    throw cloudError('badRequest', `The host ${host} does not exist.`)
  const row = {
    ...partsOf(tag === undefined ? repo : referenceOf({ repo, tag })),
    project_id: projectOf(ctx),
    host: deps.hostName,
    error: null,
    created_at: ctx.now().toISOString(),
  }
  return await inTx(ctx, async (tx) => {
    await upsertPull(tx, row)
    await nudge(tx, 'container.pull', row.id)
    return (await findPull(tx, row.id)) ?? row
  })
}
