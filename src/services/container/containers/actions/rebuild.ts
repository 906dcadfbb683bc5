import { Type } from '../../../../kernel/schema/type.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { ImageName } from '../../wire/schemas.ts'
import { begin, containerFor } from '../act.ts'
import { resolveImage } from '../images.ts'
import { domainOf } from '../registry-of.ts'
import { onContainer } from '../on-container.ts'

const Rebuild = Type.Object({
  image: Type.Optional(ImageName),
  image_driver: Type.Optional(Type.Union([Type.Literal('docker'), Type.Literal('glance')])),
})

export function rebuildRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      ...onContainer('POST', '/rebuild', 'rebuild', 'Make the container anew from an image'),
      ...argumentsOn(Rebuild),
      status: 202,
      handle: async (ctx, req) => {
        const wish = argumentsOf(req, Rebuild)
        const { container, status } = await containerFor(ctx, deps, req.params.id, 'rebuild')
        const image = wish.image ?? container.image
        const driver = wish.image_driver ?? container.imageDriver
        await begin(ctx, deps, container, {
          kind: 'rebuild',
          change: {
            rebuildWith: await resolveImage(ctx, deps, {
              driver,
              name: image,
              pullPolicy: container.imagePullPolicy,
              registryDomain: await domainOf(ctx, container),
            }),
            power: status.status === 'Running' ? 'running' : 'stopped',
            retry: true,
          },
          row: { image, image_driver: driver },
        })
      },
    }),
  ]
}
