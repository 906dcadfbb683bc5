import { it } from 'vitest'
import { startComputeBed } from './testbed.ts'
it('perf', async () => {
  const bed = await startComputeBed()
  await bed.as('admin').put('/compute/v2.1/os-quota-sets/d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0', { quota_set: { instances: -1, cores: -1, ram: -1 } })
  const first = await bed.boot()
  const time = async (name: string, n: number, work: () => Promise<{ status: number }>) => {
    const all: number[] = []
    let status = 0
    for (let i = 0; i < n; i++) { const t = performance.now(); status = (await work()).status; all.push(performance.now() - t) }
    all.sort((a, b) => a - b)
    console.log(name, status, 'median', all[Math.floor(n / 2)]?.toFixed(2), 'max', all.at(-1)?.toFixed(2))
  }
  await time('create', 100, () => bed.at('2.1').post('/compute/v2.1/servers', { server: { name: 'p', imageRef: bed.imageId, flavorRef: bed.flavorId } }))
  await bed.settle()
  await bed.at('2.1').post('/compute/v2.1/servers', { server: { name: 'p', imageRef: bed.imageId, flavorRef: bed.flavorId, min_count: 900 } })
  await bed.settle()
  await time('detail 1000', 10, () => bed.at('2.96').get('/compute/v2.1/servers/detail?limit=1000'))
  await time('detail 1000 status', 10, () => bed.at('2.96').get('/compute/v2.1/servers/detail?status=ACTIVE'))
  await time('show', 500, () => bed.at('2.1').get('/compute/v2.1/servers/' + first.id))
  await bed.close()
}, 120000)
