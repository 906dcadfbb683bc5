import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { Driver } from '../containers/create-schema.ts'
import type { ContainerDeps } from '../deps.ts'
import { ruleOf } from '../wire/policy.ts'
import { BooleanLike, toBoolean } from '../wire/schemas.ts'

const Search = Type.Object(
  { image_driver: Type.Optional(Driver), exact_match: Type.Optional(BooleanLike) },
  { additionalProperties: false },
)

/** Where an image of a name can be had. */
export function imageSearchRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/images/:id/search',
      policy: ruleOf('image:search'),
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 255 }) }),
      query: Search,
      summary: 'Search images by name: in the public registry, or in the image service',
      handle: async (ctx, req) => {
        const name = req.params.id
        const exact = toBoolean(req.query.exact_match)
        return req.query.image_driver === 'glance'
          ? await inImageService(ctx, deps, name, exact)
          : await inRegistry(deps, name, exact)
      },
    }),
  ]
}

async function inImageService(
  ctx: Ctx,
  deps: ContainerDeps,
  wanted: string,
  exact: boolean,
): Promise<readonly object[]> {
  const images = (await deps.image.listImages(ctx)).filter(
    (image) => image.containerFormat === 'docker',
  )
  return images
    .filter((image) => (exact ? image.name === wanted : image.name.includes(wanted)))
    .map(({ id, name, tags, status, sizeBytes, properties }) => ({
      id,
      name,
      tags,
      status,
      size: sizeBytes,
      metadata: properties,
    }))
}

async function inRegistry(
  deps: ContainerDeps,
  wanted: string,
  exact: boolean,
): Promise<readonly object[]> {
  const found = await deps.workload.engineImages.searchImages(wanted)
  return found
    .filter((image) => !exact || image.name === wanted)
    .map((image) => ({
      name: image.name,
      description: image.description,
      star_count: image.stars,
      is_official: image.official,
      is_automated: image.automated,
      metadata: {},
    }))
}
