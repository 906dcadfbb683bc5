import { randomUUID } from 'node:crypto'
import type { Insertable } from 'kysely'
import { projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { WorkloadImage } from '../../workload/face.ts'
import { logAction } from '../container-actions/store.ts'
import { openPorts } from '../containers/groups.ts'
import { resolveImage } from '../containers/images.ts'
import { greekName } from '../containers/names.ts'
import { makePorts, planNics, type PlannedNic } from '../containers/nics.ts'
import { mustPlace } from '../containers/placement.ts'
import { containerOf, type ContainerTable } from '../containers/schema.ts'
import { insertContainer } from '../containers/store.ts'
import { newWorkload } from '../containers/workload.ts'
import type { ContainerDeps } from '../deps.ts'
import { checkQuota } from '../quotas/check.ts'
import { textMap } from '../wire/schemas.ts'
import { exposedOf, memberRow, restartOf } from './members.ts'
import { capsuleOf, type Capsule, type CapsuleRow } from './schema.ts'
import { insertCapsule } from './store.ts'
import type { Member, Template } from './template.ts'
import { mountsOf, mustBeMounted, volumeSizes } from './volumes.ts'

/** Everything that was checked and looked up before the first row is written. */
interface Order {
  readonly capsule: CapsuleRow
  readonly members: readonly {
    readonly row: Insertable<ContainerTable>
    readonly image: WorkloadImage
  }[]
  readonly nics: readonly PlannedNic[]
  readonly exposed: readonly string[]
}

/** `POST /capsules`: rows, ports and workloads in one transaction; the reconciler starts them in their order. */
export async function createCapsule(
  ctx: Ctx,
  deps: ContainerDeps,
  version: string,
  template: Template,
): Promise<Capsule> {
  const order = await orderOf(ctx, deps, version, template)
  return await inTx(ctx, async (tx) => await place(tx, deps, order))
}

async function orderOf(
  ctx: Ctx,
  deps: ContainerDeps,
  version: string,
  template: Template,
): Promise<Order> {
  await mustPlace(ctx, deps, { availability_zone: template.availabilityZone ?? null })
  const capsule = capsuleRow(ctx, deps, template)
  const all = [...(template.spec.initContainers ?? []), ...template.spec.containers]
  const rows = memberRows(ctx, capsule, version, template)
  const images: WorkloadImage[] = []
  for (const { image_driver: driver, image: name, image_pull_policy: pullPolicy = null } of rows)
    images.push(
      await resolveImage(ctx, deps, { driver, name, pullPolicy, registryDomain: undefined }),
    )
  return {
    capsule: { ...capsule, owner_id: rows[0]?.id ?? '' },
    members: rows.map((row, at) => ({ row, image: images[at] as WorkloadImage })), // one each
    nics: await planNics(ctx, deps, template.nets ?? []),
    exposed: [...new Set(all.flatMap(exposedOf))],
  }
}

function capsuleRow(ctx: Ctx, deps: ContainerDeps, template: Template): CapsuleRow {
  const now = ctx.now().toISOString()
  const { metadata } = template
  return {
    id: randomUUID(),
    project_id: projectOf(ctx),
    user_id: whoOf(ctx).userId,
    name: metadata.name ?? `${greekName()}-capsule`,
    labels: toJson(textMap(metadata.labels)),
    annotations: toJson(textMap(metadata.annotations)),
    restart_policy: restartOf(template),
    zone: template.availabilityZone ?? null,
    owner_id: '',
    own_group_id: null,
    host: deps.hostName,
    removing: 0,
    created_at: now,
    updated_at: now,
  }
}

/** Init containers first. The first of all has the sandbox and the volumes; the others share them. */
function memberRows(
  ctx: Ctx,
  capsule: CapsuleRow,
  version: string,
  template: Template,
): readonly Insertable<ContainerTable>[] {
  const sizes = volumeSizes(template.spec.volumes ?? [])
  const inits = template.spec.initContainers ?? []
  const restart = restartOf(template)
  const all: readonly Member[] = [...inits, ...template.spec.containers]
  const mounts = all.map((member) => mountsOf(member, sizes))
  mustBeMounted(sizes, mounts.flat())
  let ownerId: string | null = null
  return all.map((member, place) => {
    const row = memberRow(ctx, capsule, member, {
      role: place < inits.length ? 'init' : 'main',
      volumes: mounts[place] ?? [],
      place,
      restart,
      ownerId,
      version,
    })
    ownerId ??= row.id
    return row
  })
}

async function place(tx: Ctx, deps: ContainerDeps, order: Order): Promise<Capsule> {
  const { id, project_id, owner_id } = order.capsule
  await mustAfford(tx, order)
  const group = order.exposed.length === 0 ? null : await openPorts(tx, deps, id, order.exposed)
  const row = { ...order.capsule, own_group_id: group }
  await insertCapsule(tx, row)
  const ports = await makePorts(
    tx,
    deps,
    owner_id,
    order.nics,
    group === null ? undefined : [group],
  )
  for (const member of order.members) {
    await insertContainer(tx, member.row)
    const container = containerOf(member.row as ContainerTable) // every column is given
    const nics = container.id === owner_id ? ports : []
    await deps.workload.create(tx, newWorkload(container, member.image, nics, 'stopped'))
    await logAction(tx, {
      containerId: container.id,
      projectId: project_id,
      action: 'create',
      generation: 1,
    })
  }
  await nudge(tx, 'container.capsule', id)
  return capsuleOf(row)
}

async function mustAfford(tx: Ctx, { capsule, members }: Order): Promise<void> {
  const sum = (of: 'cpu_milli' | 'memory_mib' | 'disk_gib'): number =>
    members.reduce((total, { row }) => total + row[of], 0)
  await checkQuota(tx, capsule.project_id, {
    containers: members.length,
    cpu: sum('cpu_milli') / 1000,
    memory: sum('memory_mib'),
    disk: sum('disk_gib'),
  })
}
