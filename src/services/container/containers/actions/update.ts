import { Type, type Static } from '../../../../kernel/schema/type.ts'
import type { Updateable } from 'kysely'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { reply, route, type Route } from '../../../../kernel/http/route.ts'
import type { ContainerDeps } from '../../deps.ts'
import { checkQuota } from '../../quotas/check.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { BooleanLike, Digits, Name, toBoolean } from '../../wire/schemas.ts'
import { begin, containerFor, enterTask, getContainer, logAtOnce } from '../act.ts'
import { Cpu } from '../create-schema.ts'
import { amountOf, limitsOf } from '../limits.ts'
import { mustBeFree } from '../name-scope.ts'
import { onContainer } from '../on-container.ts'
import { onePartsOf } from '../parts.ts'
import type { Container, ContainerTable } from '../schema.ts'
import { viewer } from '../view.ts'

const Update = Type.Object(
  {
    cpu: Type.Optional(Cpu),
    memory: Type.Optional(Digits),
    name: Type.Optional(Name),
    auto_heal: Type.Optional(BooleanLike),
  },
  { additionalProperties: false },
)
type Update = Static<typeof Update>

const Resize = Type.Object({ cpu: Type.Optional(Cpu), memory: Type.Optional(Digits) })
const Rename = Type.Object({ name: Name })

/** What changes a container in place: its limits, its name, whether it is healed. */
export function updateRoutes(deps: ContainerDeps): readonly Route[] {
  return [patchRoute(deps), resizeRoute(deps), renameRoute(deps)]
}

function patchRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('PATCH', '', 'update', 'Change CPU, memory, name or auto_heal of a container'),
    body: Update,
    handle: async (ctx, req) => {
      if (req.body.name !== undefined && !atLeast(req.version, '1.14'))
        throw cloudError('badRequest', 'A name can be given here from version 1.14 on: use rename.')
      const { container } = await containerFor(ctx, deps, req.params.id, 'update')
      await change(ctx, deps, container, req.body)
      return viewer(ctx, req)(await onePartsOf(ctx, deps, await getContainer(ctx, container.id)))
    },
  })
}

function resizeRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('POST', '/resize_container', 'resize_container', 'Change CPU and memory'),
    ...argumentsOn(Resize),
    since: '1.19',
    handle: async (ctx, req) => {
      const wish = argumentsOf(req, Resize)
      const { container } = await containerFor(ctx, deps, req.params.id, 'resize_container')
      await change(ctx, deps, container, wish)
      const now = await getContainer(ctx, container.id)
      return reply(202, viewer(ctx, req)(await onePartsOf(ctx, deps, now)))
    },
  })
}

function renameRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('POST', '/rename', 'rename', 'Rename a container (later: PATCH)'),
    ...argumentsOn(Rename),
    until: '1.13',
    handle: async (ctx, req) => {
      const { name } = argumentsOf(req, Rename)
      const container = await getContainer(ctx, req.params.id)
      if (container.name === name)
        throw cloudError('conflict', 'The new name for the container is the same as the old name.')
      await change(ctx, deps, container, { name })
      return viewer(ctx, req)(await onePartsOf(ctx, deps, await getContainer(ctx, container.id)))
    },
  })
}

async function change(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  wish: Update,
): Promise<void> {
  if (wish.name !== undefined && wish.name !== container.name)
    await mustBeFree(ctx, deps, wish.name)
  const row: Updateable<ContainerTable> = {
    ...(wish.name === undefined ? {} : { name: wish.name }),
    ...(wish.auto_heal === undefined ? {} : { auto_heal: toBoolean(wish.auto_heal) ? 1 : 0 }),
  }
  const heal = wish.auto_heal === undefined ? {} : { heal: toBoolean(wish.auto_heal) }
  if (wish.cpu === undefined && wish.memory === undefined) {
    await inTx(ctx, async (tx) => {
      await enterTask(tx, container, row)
      if (wish.auto_heal !== undefined) await deps.workload.change(tx, container.id, heal)
      await logAtOnce(tx, container, 'update')
    })
    return
  }
  const cpu = wish.cpu === undefined ? container.cpu : amountOf('cpu', wish.cpu)
  const memoryMiB =
    wish.memory === undefined ? container.memoryMiB : amountOf('memory', wish.memory)
  await checkQuota(ctx, container.projectId, {
    cpu: cpu - container.cpu,
    memory: memoryMiB - container.memoryMiB,
  })
  await begin(ctx, deps, container, {
    kind: 'update',
    change: { limits: limitsOf(cpu, memoryMiB), ...heal },
    before: { cpu_milli: Math.round(container.cpu * 1000), memory_mib: container.memoryMiB },
    row: { ...row, cpu_milli: Math.round(cpu * 1000), memory_mib: memoryMiB },
  })
}
