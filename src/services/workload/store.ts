import { sql, type Kysely, type Updateable } from 'kysely'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { fromJson, tables, toJson } from '../../kernel/db/db.ts'
import { prepared } from '../../kernel/db/prepared.ts'
import type { NewWorkload, Nic, WorkloadChange, WorkloadImage } from './face.ts'
import { stateColumns, type WorkloadRow, type WorkloadTable } from './schema.ts'

/** How long a process may take to end politely, unless somebody says otherwise. */
const GRACE_SECONDS = 5

interface Tables {
  workloads: WorkloadTable
  workload_private_images: { name: string }
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

const workloadRows = prepared(
  (query: Kysely<Tables>, { ids }: { readonly ids: readonly string[] }) =>
    query.selectFrom('workloads').selectAll().where('id', 'in', ids),
)

const stateRows = prepared((query: Kysely<Tables>, { ids }: { readonly ids: readonly string[] }) =>
  query.selectFrom('workloads').select(stateColumns).where('id', 'in', ids),
)

export async function insertWorkload(ctx: Ctx, wish: NewWorkload, host: string): Promise<void> {
  await db(ctx)
    .insertInto('workloads')
    .values({
      id: wish.id,
      project_id: wish.projectId,
      owner_kind: wish.ownerKind,
      name: wish.name,
      host,
      image_id: wish.image.imageId,
      image_key: wish.image.key,
      revision: 1,
      limits: toJson(wish.limits),
      disk_gib: wish.diskGiB,
      nics: toJson(wish.nics),
      bound_ports: toJson(wish.nics.map((nic) => nic.portId)),
      process: toJson(wish.process),
      ...lifeColumns(wish),
      rescue: 0,
      carried: 0,
      power: wish.power,
      removing: 0,
      generation: 1,
      settled_generation: 0,
      repairing: 0,
      restart: null,
      seen: 'new',
      error: null,
      step: null,
      exit_code: null,
      oom_killed: 0,
      started_at: null,
      finished_at: null,
      settled_at: null,
      created_at: ctx.now().toISOString(),
    })
    .execute()
}

function lifeColumns(wish: NewWorkload) {
  return {
    sandbox_of: wish.sandboxOf ?? null,
    shares_sandbox: wish.sharesSandbox === true ? 1 : 0,
    restart_policy: toJson(wish.restartPolicy ?? { name: 'no', maxRetries: 0 }),
    restarts: 0,
    restart_at: null,
    heal: wish.heal === false ? 0 : 1,
    health: null,
    grace_seconds: GRACE_SECONDS,
    image_pull: wish.image.pull ?? null,
    fetched_revision: 0,
    killed_at: null,
  }
}

export async function findWorkload(ctx: Ctx, id: string): Promise<WorkloadRow | undefined> {
  return (await workloadRows(ctx, { ids: [id] }))[0]
}

export async function findWorkloads(
  ctx: Ctx,
  ids: readonly string[],
): Promise<readonly WorkloadRow[]> {
  return await inPortions(ids, async (some) => await workloadRows(ctx, { ids: some }))
}

export async function findStates(
  ctx: Ctx,
  ids: readonly string[],
): Promise<Awaited<ReturnType<typeof stateRows>>> {
  return await inPortions(ids, async (some) => await stateRows(ctx, { ids: some }))
}

/** A query has a limited number of parameters. */
async function inPortions<R>(
  ids: readonly string[],
  find: (ids: readonly string[]) => Promise<readonly R[]>,
): Promise<readonly R[]> {
  const rows: R[] = []
  for (let at = 0; at < ids.length; at += 500) rows.push(...(await find(ids.slice(at, at + 500))))
  return rows
}

/** Writes a changed wish as a new generation; answers it. New ports are remembered as bound before anything plugs them. */
export async function changeWorkload(
  ctx: Ctx,
  row: WorkloadRow,
  change: WorkloadChange,
): Promise<number> {
  const generation = row.generation + 1
  const nicIds = (change.nics ?? fromJson<Nic[]>(row.nics)).map((nic) => nic.portId)
  const rebuilt = change.rebuildWith
  const turned = (change.rescue ?? row.rescue === 1) !== (row.rescue === 1)
  await update(ctx, row.id, {
    generation,
    error: null,
    restart_at: null,
    ...(change.power === undefined && change.restart === undefined ? {} : { restarts: 0 }),
    ...(change.graceSeconds === undefined ? {} : { grace_seconds: change.graceSeconds }),
    ...(change.heal === undefined ? {} : { heal: change.heal ? 1 : 0 }),
    bound_ports: toJson([...new Set([...fromJson<string[]>(row.bound_ports), ...nicIds])]),
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.power === undefined ? {} : { power: change.power }),
    ...(change.limits === undefined ? {} : { limits: toJson(change.limits) }),
    ...(change.diskGiB === undefined ? {} : { disk_gib: change.diskGiB }),
    ...(change.nics === undefined ? {} : { nics: toJson(change.nics) }),
    ...(change.process === undefined ? {} : { process: toJson(change.process) }),
    ...(change.restart === undefined ? {} : { restart: change.restart }),
    ...(turned
      ? { rescue: 1 - row.rescue, carried: row.carried + 1, revision: row.revision + 1 }
      : {}),
    ...(rebuilt === undefined ? {} : rebuiltFrom(row, rebuilt)),
  })
  return generation
}

/** From the image again: nothing is carried over, nothing has run yet, and its own process is what will. */
function rebuiltFrom(row: WorkloadRow, image: WorkloadImage): Updateable<WorkloadTable> {
  return {
    image_id: image.imageId,
    image_key: image.key,
    image_pull: image.pull ?? null,
    revision: row.revision + 1,
    rescue: 0,
    carried: 0,
    started_at: null,
    finished_at: null,
    exit_code: null,
    oom_killed: 0,
  }
}

export async function markRemoving(ctx: Ctx, row: WorkloadRow): Promise<void> {
  await update(ctx, row.id, { removing: 1, generation: row.generation + 1, error: null })
}

export type SeenFacts = Pick<
  WorkloadRow,
  'seen' | 'exit_code' | 'oom_killed' | 'started_at' | 'finished_at' | 'health'
>

/** The wish of this generation is true. `power` follows when the process ended by itself. */
export async function settleWorkload(
  ctx: Ctx,
  row: WorkloadRow,
  facts: SeenFacts & Partial<Pick<WorkloadRow, 'power' | 'bound_ports'>>,
): Promise<void> {
  await update(
    ctx,
    row.id,
    {
      ...facts,
      settled_generation: row.generation,
      repairing: 0,
      restart_at: null,
      settled_at: ctx.now().toISOString(),
      error: null,
      step: null,
    },
    row.generation,
  )
}

export async function noteStep(ctx: Ctx, id: string, step: string): Promise<void> {
  await update(ctx, id, { step })
}

/** Its image was fetched for this revision: it need not be again, whatever becomes of the container. */
export async function noteFetched(ctx: Ctx, row: WorkloadRow): Promise<void> {
  await update(ctx, row.id, { fetched_revision: row.revision, step: null })
}

export async function noteKilled(ctx: Ctx, id: string): Promise<void> {
  await update(ctx, id, { killed_at: ctx.now().toISOString() })
}

/** Whether somebody who shares its sandbox, and its volumes, is on the way out before it. */
export async function hasLeavingGuests(ctx: Ctx, id: string): Promise<boolean> {
  const found = await db(ctx)
    .selectFrom('workloads')
    .select('id')
    .where('sandbox_of', '=', id)
    .where('removing', '=', 1)
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}

export async function noteRestarted(ctx: Ctx, row: WorkloadRow): Promise<void> {
  await update(ctx, row.id, { restart: null }, row.generation)
}

/** Written before the first step of a repair, so that what a step left half done is not taken for a process that ended. */
export async function noteRepairing(ctx: Ctx, row: WorkloadRow): Promise<void> {
  await update(ctx, row.id, { repairing: 1 }, row.generation)
}

/** Its policy starts it again at that time: as after a repair, what has exited was not left so. `soft` ends first what still runs. */
export async function noteRestartDue(
  ctx: Ctx,
  row: WorkloadRow,
  at: string,
  restart: 'soft' | null,
): Promise<void> {
  const due = { restart_at: at, restarts: row.restarts + 1, repairing: 1, restart }
  await update(ctx, row.id, due, row.generation)
}

export async function failWorkload(ctx: Ctx, id: string, reason: string): Promise<void> {
  await update(ctx, id, { error: reason.slice(0, 2000) })
}

export async function deleteWorkload(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('workloads').where('id', '=', id).execute()
}

/** A workload as the sweep looks at it. */
export interface Swept {
  readonly id: string
  /** Nothing is to be done for it as far as is known. */
  readonly settled: boolean
  /** Ports that have to be plugged. */
  readonly portIds: readonly string[]
}

/** Of every host. */
export async function allWorkloads(ctx: Ctx): Promise<string[]> {
  const rows = await db(ctx).selectFrom('workloads').select('id').execute()
  return rows.map(({ id }) => id)
}

/** Every workload of this host. */
export async function listSwept(ctx: Ctx, host: string): Promise<readonly Swept[]> {
  const rows = await db(ctx)
    .selectFrom('workloads')
    .select(['id', 'generation', 'settled_generation', 'repairing', 'error', 'nics', 'seen'])
    .where('host', '=', host)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    settled:
      (row.generation === row.settled_generation && row.repairing === 0) || row.error !== null,
    portIds:
      row.seen === 'running' || row.seen === 'paused'
        ? fromJson<Nic[]>(row.nics).map((nic) => nic.portId)
        : [],
  }))
}

/** What the workloads of a host claim of it. */
export async function claimedOf(
  ctx: Ctx,
  host: string,
): Promise<{ vcpus: number; memoryMiB: number; diskGiB: number; running: number }> {
  const rows = await db(ctx)
    .selectFrom('workloads')
    .select(['limits', 'disk_gib', 'seen'])
    .where('host', '=', host)
    .execute()
  const claimed = { vcpus: 0, memoryMiB: 0, diskGiB: 0, running: 0 }
  for (const row of rows) {
    const limits = fromJson<{ vcpus: number; memoryMiB: number }>(row.limits)
    claimed.vcpus += limits.vcpus
    claimed.memoryMiB += limits.memoryMiB
    claimed.diskGiB += row.disk_gib
    if (row.seen === 'running') claimed.running++
  }
  return claimed
}

/** With `generation`, only while the wish is still the one that was worked on. */
async function update(
  ctx: Ctx,
  id: string,
  change: Updateable<WorkloadTable>,
  generation?: number,
): Promise<void> {
  const query = db(ctx).updateTable('workloads').set(change).where('id', '=', id)
  await (
    generation === undefined ? query : query.where('generation', '=', sql.val(generation))
  ).execute()
}

/** The engine has it because somebody fetched it with credentials. */
export async function isPrivateImage(ctx: Ctx, name: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('workload_private_images')
    .select('name')
    .where('name', '=', name)
    .executeTakeFirst()
  return row !== undefined
}

export async function notePrivateImage(ctx: Ctx, name: string): Promise<void> {
  await db(ctx)
    .insertInto('workload_private_images')
    .values({ name })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function forgetPrivateImage(ctx: Ctx, name: string): Promise<void> {
  await db(ctx).deleteFrom('workload_private_images').where('name', '=', name).execute()
}
