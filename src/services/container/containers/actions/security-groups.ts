import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../../kernel/db/db.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { Ident } from '../../wire/schemas.ts'
import { containerFor, logAtOnce } from '../act.ts'
import { groupIdOf } from '../groups.ts'
import { onContainer } from '../on-container.ts'
import { onePartsOf, type ContainerParts } from '../parts.ts'
import { updateContainer } from '../store.ts'

const Group = Type.Object({ name: Ident })
const VERBS = ['add_security_group', 'remove_security_group'] as const
type Verb = (typeof VERBS)[number]

/** Up to 1.14 a container's groups are changed here; later, on its ports. */
export function securityGroupRoutes(deps: ContainerDeps): readonly Route[] {
  return VERBS.map((verb) =>
    route({
      ...onContainer('POST', `/${verb}`, verb, 'Change the security groups of all its ports'),
      ...argumentsOn(Group),
      until: '1.14',
      status: 202,
      handle: async (ctx, req) => {
        const { name } = argumentsOf(req, Group)
        const { container } = await containerFor(ctx, deps, req.params.id, verb)
        const groupId = await groupIdOf(ctx, deps, name)
        await change(ctx, deps, await onePartsOf(ctx, deps, container), verb, groupId)
      },
    }),
  )
}

async function change(
  ctx: Ctx,
  deps: ContainerDeps,
  { container, ports }: ContainerParts,
  verb: Verb,
  groupId: string,
): Promise<void> {
  const now = [...new Set(ports.flatMap((port) => port.securityGroups.map(({ id }) => id)))]
  const has = now.includes(groupId)
  if (verb === 'add_security_group' && has)
    throw cloudError('badRequest', `Security group ${groupId} has been added to container.`)
  if (verb === 'remove_security_group' && !has)
    throw cloudError('badRequest', `Security group ${groupId} was not added to container.`)
  const wanted = has ? now.filter((id) => id !== groupId) : [...now, groupId]
  await inTx(ctx, async (tx) => {
    for (const port of ports) await deps.network.setPortSecurityGroups(tx, port.id, wanted)
    await updateContainer(tx, container.id, { security_groups: toJson(wanted) })
    await logAtOnce(tx, container, verb)
  })
}
