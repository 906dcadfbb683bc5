import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds, pssMiB, shimsOf } from '../proc.ts'
import { atMost, type Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { inFlight, median, range } from '../statistics.ts'

/** From the start of the process to `Ready.`, and what memory the cloud takes: idle, and per running container. */
export const readyRows: readonly Row[] = [
  {
    what: 'start to `Ready.`, existing data folder',
    unit: 's',
    budget: atMost(1.5),
    async measure(stand) {
      const cloud = await stand.real()
      const samples: number[] = []
      const cpu: number[] = []
      for (const _ of range(stand.times(5, 3))) {
        samples.push((await cloud.restart()) / 1000)
        cpu.push(await cpuSeconds(cloud.pid))
      }
      const note = `${samples.length} times, ${median(cpu).toFixed(2)} s of its CPU time each`
      return { ours: median(samples), note, samples: { ours: samples } }
    },
  },
  {
    what: 'first start to `Ready.`',
    unit: 's',
    budget: atMost(5),
    async measure(stand) {
      const { firstReadyMs } = await stand.real()
      return { ours: firstReadyMs / 1000, note: 'once' }
    },
  },
]

const IDLE_MS = 10_000

export const idleMemoryRow: Row = {
  what: 'memory of the idle process (PSS)',
  unit: 'MiB',
  budget: atMost(150),
  async measure(stand) {
    const cloud = await stand.real()
    await cloud.untilPoolIsFull(stand.raw)
    await sleep(IDLE_MS)
    const pool = await containersMiB(stand, [cloud.label])
    return {
      ours: await pssMiB([cloud.pid]),
      note: `with its helper processes; its spare sandboxes take ${pool.toFixed(0)} MiB more, in Docker's processes`,
    }
  },
}

const CONTAINERS = 10
const SETTLE_MS = 5000

/** Growth is measured over everything that either side has, because the shims share pages with each other. */
export const containerMemoryRow: Row = {
  what: 'memory per running container (PSS)',
  unit: 'MiB',
  budget: atMost(8, 'difference'),
  async measure(stand) {
    const cloud = await stand.real()
    await stand.raw.prepare()
    await cloud.deleteServers([await cloud.createServer()]) // the image is loaded and the paths are warm
    const raw = await growth(stand, async () => {
      const ids = await inFlight(2, range(CONTAINERS), async () => await stand.raw.run())
      return async () => await stand.raw.remove(ids)
    })
    const ours = await growth(stand, async () => {
      const ids = await inFlight(2, range(CONTAINERS), async () => await cloud.createServer())
      await cloud.untilAllActive(CONTAINERS, 100)
      return async () => await cloud.deleteServers(ids)
    })
    const [own, shims] = [(ours.process - raw.process) / CONTAINERS, ours.containers / CONTAINERS]
    return {
      ours: shims + own,
      raw: raw.containers / CONTAINERS,
      note: `${CONTAINERS} of each; ours: ${shims.toFixed(1)} in shims and processes of container and sandbox, ${own.toFixed(1)} in our process; dockerd and containerd not counted`,
    }
  },
}

interface Sizes {
  readonly process: number
  readonly containers: number
}

async function growth(stand: Stand, make: () => Promise<() => Promise<void>>): Promise<Sizes> {
  const before = await settledSizes(stand)
  const remove = await make()
  try {
    const after = await settledSizes(stand)
    return {
      process: after.process - before.process,
      containers: after.containers - before.containers,
    }
  } finally {
    await remove()
  }
}

async function settledSizes(stand: Stand): Promise<Sizes> {
  const cloud = await stand.real()
  await cloud.untilPoolIsFull(stand.raw)
  await sleep(SETTLE_MS)
  return {
    process: await pssMiB([cloud.pid]),
    containers: await containersMiB(stand, [cloud.label, stand.raw.filter]),
  }
}

/** Shims and what runs under them. */
async function containersMiB(stand: Stand, filters: readonly string[]): Promise<number> {
  const found = await Promise.all(filters.map(async (filter) => await stand.raw.labelled(filter)))
  return await pssMiB(await shimsOf(new Set(found.flat().map(({ id }) => id))))
}
