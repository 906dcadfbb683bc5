/**
 * workload: what runs. Owns table workloads, one row for every container whatever tongue asked for it (Nova's servers, Zun's
 * containers), and the one reconciler that makes the rows true. Has no API of its own. Asks image for bytes, network for
 * ports, the compute port for containers.
 */
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../kernel/db/db.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import { nudge } from '../../kernel/tasks/store.ts'
import type { Process, WorkloadChange, WorkloadFace } from './face.ts'
import { workloads } from './migrations/001-workloads.ts'
import { repairing } from './migrations/002-repairing.ts'
import { rescue } from './migrations/003-rescue.ts'
import { life } from './migrations/004-life.ts'
import { privateImages } from './migrations/005-private-images.ts'
import { fetching } from './migrations/006-fetching.ts'
import { fetchReconciler } from './fetch-image.ts'
import { isEnding } from './restarts.ts'
import type { WorkloadDeps } from './deps.ts'
import { retryReconciler, workloadReconciler } from './reconcile.ts'
import { stateView, workloadView, type WorkloadRow } from './schema.ts'
import {
  changeWorkload,
  claimedOf,
  findStates,
  findWorkload,
  findWorkloads,
  insertWorkload,
  markRemoving,
  noteKilled,
} from './store.ts'
import { watchEngine } from './watch.ts'

export interface WorkloadService {
  readonly definition: ServiceDefinition
  readonly face: WorkloadFace
  /** Follows the engine's changes until `signal` aborts. */
  watch(ctx: Ctx, signal: AbortSignal): Promise<void>
}

export function createWorkload(given: Omit<WorkloadDeps, 'pulls'>): WorkloadService {
  const deps: WorkloadDeps = { ...given, pulls: {} }
  return {
    definition: {
      name: 'workload',
      mount: '',
      routes: [],
      policies: {},
      migrations: [workloads, repairing, rescue, life, privateImages, fetching],
      reconcilers: [workloadReconciler(deps), fetchReconciler(deps), retryReconciler],
      fault: (error) => ({ body: { error: { code: error.status, message: error.message } } }),
    },
    face: createFace(deps),
    watch: async (ctx, signal) => await watchEngine(ctx, deps, signal),
  }
}

function createFace(deps: WorkloadDeps): WorkloadFace {
  return { ...wishes(deps), ...sights(deps) }
}

/** What changes a workload: a row and a nudge in one transaction. */
function wishes({ hostName }: WorkloadDeps): Pick<WorkloadFace, 'create' | 'change' | 'remove'> {
  return {
    async create(ctx, wish) {
      await inTx(ctx, async (tx) => {
        await insertWorkload(tx, wish, hostName)
        await nudge(tx, 'workload', wish.id)
      })
    },
    change: async (ctx, id, change) =>
      await inTx(ctx, async (tx) => {
        const row = await getWorkload(tx, id)
        if (row.removing === 1) throw cloudError('conflict', `Container ${id} is being deleted.`)
        mustCarry(row, change)
        const generation = await changeWorkload(tx, row, change)
        await nudge(tx, 'workload', id)
        return generation
      }),
    async remove(ctx, id) {
      await inTx(ctx, async (tx) => {
        const row = await findWorkload(tx, id)
        if (row === undefined) return
        if (row.removing === 0) await markRemoving(tx, row)
        await nudge(tx, 'workload', id)
      })
    },
  }
}

/** Each time its files are carried over they get one layer deeper, and Docker ends at 125. An even number: there is a way back. */
const MOST_CARRIED = 60

function mustCarry(row: WorkloadRow, change: WorkloadChange): void {
  if (change.rescue !== true || row.rescue === 1 || row.carried < MOST_CARRIED) return
  throw cloudError(
    'badRequest',
    `The file system of ${row.id} was carried over to a new container too often: rebuild it, or take an image of it and start that.`,
  )
}

async function commitTo(
  ctx: Ctx,
  { image, compute }: WorkloadDeps,
  id: string,
  imageId: string,
): Promise<'written' | 'imageGone'> {
  const wanted = await image.findImage(ctx, imageId)
  if (wanted === undefined || wanted.status === 'deleted') return 'imageGone'
  if (wanted.status === 'active') return 'written'
  if ((await getWorkload(ctx, id)).seen === 'new')
    throw cloudError('conflict', `Container ${id} has no file system yet.`)
  await image.fillImage(ctx, imageId, await compute.commit(id))
  return 'written'
}

/** What looks at workloads: their rows, or the engine itself. */
function sights(deps: WorkloadDeps): Omit<WorkloadFace, 'create' | 'change' | 'remove'> {
  const { compute, hostName } = deps
  return {
    async find(ctx, id) {
      const row = await findWorkload(ctx, id)
      return row === undefined ? undefined : workloadView(row)
    },
    findMany: async (ctx, ids) =>
      new Map((await findWorkloads(ctx, ids)).map((row) => [row.id, workloadView(row)])),
    statesOf: async (ctx, ids) =>
      new Map((await findStates(ctx, ids)).map((row) => [row.id, stateView(row)])),
    logs: async (ctx, id, tailLines) =>
      (await getWorkload(ctx, id)).seen === 'new' ? '' : await compute.logs(id, tailLines),
    commitTo: async (ctx, id, imageId) => await commitTo(ctx, deps, id, imageId),
    exec: async (ctx, id, wish) => await compute.exec((await getWorkload(ctx, id)).id, wish),
    stats: async (_ctx, id) => await compute.stats(id),
    ...insights(deps),
    async hostInfo(ctx) {
      const [info, claimed] = await Promise.all([compute.hostInfo(), claimedOf(ctx, hostName)])
      return {
        ...info,
        kind: compute.kind,
        hostName,
        running: claimed.running,
        usedVcpus: claimed.vcpus,
        usedMemoryMiB: claimed.memoryMiB,
        usedDiskGiB: claimed.diskGiB,
      }
    },
  }
}

/** What the engine itself is asked, once the caller has seen that the workload may be looked into. */
function insights({
  compute,
  pulls,
}: WorkloadDeps): Omit<
  WorkloadFace,
  'create' | 'change' | 'remove' | 'find' | 'findMany' | 'statesOf' | Sight
> {
  return {
    engineImages: compute,
    onPull: (credentials) => void (pulls.credentials = credentials),
    async kill(ctx, id, signal) {
      const { process } = await getWorkload(ctx, id)
      const { stopSignal } = fromJson<Process>(process)
      // before: the process may end, and be looked at, sooner than the call
      if (isEnding(signal, stopSignal)) await noteKilled(ctx, id)
      await compute.kill(id, signal)
    },
    followLogs: async (_ctx, id, wish, signal) => await compute.followLogs(id, wish, signal),
    attach: async (_ctx, id) => await compute.attach(id),
    resizeTty: async (_ctx, id, size) => await compute.resizeTty(id, size),
    openExec: async (_ctx, id, wish) => await compute.openExec(id, wish),
    prepareExec: async (_ctx, id, wish) => await compute.prepareExec(id, wish),
    startExec: async (_ctx, id, execId) => await compute.startExec(id, execId),
    resizeExec: async (_ctx, id, execId, size) => await compute.resizeExec(id, execId, size),
    getArchive: async (_ctx, id, path) => await compute.getArchive(id, path),
    putArchive: async (_ctx, id, path, tar) => await compute.putArchive(id, path, tar),
    statPath: async (_ctx, id, path) => await compute.statPath(id, path),
    top: async (_ctx, id, psArgs) => await compute.top(id, psArgs),
    usage: async (_ctx, id) => await compute.usage(id),
    usageOfAll: async (_ctx, ids) => await compute.usageOfAll(ids),
    streamUsage: (_ctx, id, signal, everyMs) => compute.streamUsage(id, signal, everyMs),
  }
}

/** What needs the row beside the engine. */
type Sight = 'logs' | 'commitTo' | 'exec' | 'stats' | 'hostInfo'

async function getWorkload(ctx: Ctx, id: string): Promise<WorkloadRow> {
  const row = await findWorkload(ctx, id)
  if (row === undefined) throw cloudError('notFound', `Container ${id} could not be found.`)
  return row
}
