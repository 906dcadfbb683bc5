import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { ContainerParts } from '../containers/parts.ts'
import { addressesOf, viewer, type ContainerView } from '../containers/view.ts'
import { linksOf } from '../wire/links.ts'
import { mayDo } from '../wire/policy.ts'
import type { Capsule } from './schema.ts'
import { capsuleStatus, initsOf, mainsOf } from './status.ts'
import { zunTime } from '../wire/times.ts'

/** A capsule with its containers, as this asker and this version see it. */
export function capsuleView(
  ctx: Ctx,
  req: Pick<Req, 'serviceUrl' | 'version'>,
  capsule: Capsule,
  members: readonly ContainerParts[],
): Record<string, unknown> {
  const see = viewer(ctx, req)
  const member = (parts: ContainerParts): ContainerView => {
    const { links: _notAResourceOfItsOwn, ...view } = see(parts)
    return view
  }
  const { status, reason } = capsuleStatus(capsule, members)
  const [mains, inits] = [mainsOf(members), initsOf(members)]
  return {
    uuid: capsule.id,
    links: linksOf(req, 'capsules', capsule.id),
    user_id: capsule.userId,
    project_id: capsule.projectId,
    created_at: zunTime(capsule.createdAt),
    updated_at: zunTime(capsule.updatedAt),
    addresses: addressesOf(members[0]?.ports ?? []),
    status,
    status_reason: reason,
    // as much as all of them at once, or the largest init container when that is more
    cpu: Math.max(sum(mains, 'cpu'), most(inits, 'cpu')),
    memory: String(Math.max(sum(mains, 'memoryMiB'), most(inits, 'memoryMiB'))),
    containers: mains.map(member),
    ...(atLeast(req.version, '1.34') ? { init_containers: inits.map(member) } : {}),
    ...(mayDo(ctx, 'capsule:get:host') ? { host: capsule.host } : {}),
    ...(atLeast(req.version, '1.32') ? named(req, capsule) : legacyNamed(capsule, mains, inits)),
  }
}

function named({ version }: Pick<Req, 'version'>, capsule: Capsule): Record<string, unknown> {
  return {
    name: capsule.name,
    labels: capsule.labels,
    ...(atLeast(version, '1.38') ? { annotations: capsule.annotations } : {}),
    restart_policy: { Name: capsule.restartPolicy, MaximumRetryCount: '0' },
  }
}

/** Up to 1.31. */
function legacyNamed(
  capsule: Capsule,
  mains: readonly ContainerParts[],
  inits: readonly ContainerParts[],
): Record<string, unknown> {
  return {
    meta_name: capsule.name,
    meta_labels: capsule.labels,
    restart_policy: capsule.restartPolicy,
    capsule_version: 'beta',
    volumes_info: {},
    containers_uuids: mains.map(({ container }) => container.id),
    init_containers_uuids: inits.map(({ container }) => container.id),
  }
}

type Amount = 'cpu' | 'memoryMiB'

const sum = (members: readonly ContainerParts[], of: Amount): number =>
  members.reduce((total, { container }) => total + container[of], 0)

const most = (members: readonly ContainerParts[], of: Amount): number =>
  Math.max(0, ...members.map(({ container }) => container[of]))
