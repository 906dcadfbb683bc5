import type { Insertable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { WorkloadImage } from '../../workload/face.ts'
import { logAction } from '../container-actions/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { checkQuota } from '../quotas/check.ts'
import { getRegistry } from '../registries/get.ts'
import { mustMay } from '../wire/policy.ts'
import { toBoolean } from '../wire/schemas.ts'
import type { CreateBody } from './create-schema.ts'
import { groupIdsOf, openPorts, portKey } from './groups.ts'
import { resolveImage } from './images.ts'
import { mustBeFree } from './name-scope.ts'
import { makePorts, planNics, type PlannedNic } from './nics.ts'
import { publish, publishedOf } from './published.ts'
import { mustPlace } from './placement.ts'
import { lifeColumns, newRow, placeColumns, processColumns, sizeColumns } from './row.ts'
import { containerOf, type Container, type ContainerTable, type ImageDriver } from './schema.ts'
import { insertContainer, updateContainer } from './store.ts'
import { newWorkload } from './workload.ts'

/** The generation that a new workload is wished with. */
const FIRST_GENERATION = 1

/** Everything that was checked and looked up before the first row is written. */
interface Order {
  readonly row: Insertable<ContainerTable>
  readonly image: WorkloadImage
  readonly nics: readonly PlannedNic[]
  readonly groupIds: readonly string[] | undefined
  readonly exposed: readonly string[]
  readonly published: Readonly<Record<string, number>>
  readonly run: boolean
}

/** `POST /containers`: everything is checked, then rows, ports and the workload are written in one transaction. Nothing waits for an engine. */
export async function createContainer(
  ctx: Ctx,
  deps: ContainerDeps,
  version: string,
  body: CreateBody,
  run: boolean,
): Promise<Container> {
  const order = await orderOf(ctx, deps, version, body, run)
  return await inTx(ctx, async (tx) => await place(tx, deps, order))
}

async function orderOf(
  ctx: Ctx,
  deps: ContainerDeps,
  version: string,
  body: CreateBody,
  run: boolean,
): Promise<Order> {
  await mayWish(ctx, deps, body)
  const driver = driverOf(body)
  const registry = body.registry == null ? undefined : await getRegistry(ctx, body.registry)
  const exposed = [...new Set(Object.keys(body.exposed_ports ?? {}).map(portKey))]
  return {
    row: {
      ...newRow(ctx, deps.hostName),
      ...processColumns(version, body),
      ...sizeColumns(body),
      ...lifeColumns(body),
      ...placeColumns(body),
      image_driver: driver,
      registry_id: registry?.id ?? null,
      exposed_ports: toJson(exposed),
      task: toJson({ kind: 'create', generation: FIRST_GENERATION }),
    },
    image: await resolveImage(ctx, deps, {
      driver,
      name: body.image,
      pullPolicy: body.image_pull_policy ?? null,
      registryDomain: registry?.domain,
    }),
    nics: await planNics(ctx, deps, body.nets ?? []),
    groupIds: await groupIdsOf(ctx, deps, body.security_groups ?? []),
    exposed,
    published: publishedOf(body.published_ports),
    run,
  }
}

/** What only some may ask for, what has no place, and what excludes each other. */
async function mayWish(ctx: Ctx, deps: ContainerDeps, body: CreateBody): Promise<void> {
  mayHave(ctx, body)
  await mustPlace(ctx, deps, body)
  if (body.name != null) await mustBeFree(ctx, deps, body.name)
  if ((body.security_groups ?? []).length > 0 && body.exposed_ports != null)
    throw cloudError(
      'badRequest',
      'security_groups and exposed_ports exclude each other: exposed ports are opened by a group of their own.',
    )
}

function mayHave(ctx: Ctx, body: CreateBody): void {
  if (body.runtime != null) mustMay(ctx, 'container:create:runtime')
  if (body.privileged != null && toBoolean(body.privileged))
    mustMay(ctx, 'container:create:privileged')
  if (body.image_pull_policy != null) mustMay(ctx, 'container:create:image_pull_policy')
  if (Object.keys(body.published_ports ?? {}).length > 0)
    mustMay(ctx, 'container:create:published_ports')
  if (body.host !== undefined) mustMay(ctx, 'container:create:requested_destination')
}

const driverOf = ({ image_driver }: CreateBody): ImageDriver =>
  image_driver === 'glance' ? 'glance' : 'docker'

/** Rows, group, ports, workload and the first line of the log, in the caller's transaction. */
async function place(tx: Ctx, deps: ContainerDeps, order: Order): Promise<Container> {
  await mustAfford(tx, order.row)
  const { id, project_id } = order.row
  const ownGroup = order.exposed.length === 0 ? null : await openPorts(tx, deps, id, order.exposed)
  const groupIds = ownGroup === null ? order.groupIds : [ownGroup]
  const row = {
    ...order.row,
    security_groups: groupIds === undefined ? null : toJson(groupIds),
    own_group_id: ownGroup,
  }
  await insertContainer(tx, row)
  const container = containerOf(row as ContainerTable) // every column is given
  const ports = await makePorts(tx, deps, id, order.nics, groupIds)
  const published = await publish(tx, deps, ports, order.published)
  if (Object.keys(published).length > 0)
    await updateContainer(tx, id, { published_ports: toJson(published) })
  const power = order.run ? 'running' : 'stopped'
  await deps.workload.create(tx, newWorkload(container, order.image, ports, power))
  await logAction(tx, {
    containerId: id,
    projectId: project_id,
    action: 'create',
    generation: FIRST_GENERATION,
  })
  return { ...container, publishedPorts: published }
}

async function mustAfford(tx: Ctx, row: Order['row']): Promise<void> {
  await checkQuota(tx, row.project_id, {
    containers: 1,
    cpu: row.cpu_milli / 1000,
    memory: row.memory_mib,
    disk: row.disk_gib,
  })
}
