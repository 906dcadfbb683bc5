import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Session } from '../../support/session.ts'
import { cpuSeconds } from '../proc.ts'
import { atLeast, type Row } from '../row.ts'
import { median, range, timed } from '../statistics.ts'

/** One image's bytes, which compress to nothing, from the first byte sent to the 204: hashed and safe on the disk. */
const MIB = 1024 * 1024
const SIZE_MIB = 64

export const uploadRow: Row = {
  what: 'image upload, 64 MiB',
  unit: 'MiB/s',
  budget: atLeast(400),
  async measure(stand) {
    const cloud = await stand.real()
    const { session } = await cloud.prepared()
    const content = new Uint8Array(randomBytes(SIZE_MIB * MIB))
    const samples: number[] = []
    const disk: number[] = []
    const cpu: number[] = []
    for (const _ of range(stand.times(5, 3))) {
      const before = await cpuSeconds(cloud.pid)
      samples.push(SIZE_MIB / (await uploadSeconds(session, content)))
      cpu.push((await cpuSeconds(cloud.pid)) - before)
      disk.push(SIZE_MIB / (await writeSeconds(join(cloud.data, 'bench-write'), content)))
    }
    const note = `${samples.length} times, ${median(cpu).toFixed(2)} s of the server's CPU time each; the same bytes written and fsynced by a plain program: ${median(disk).toFixed(0)} MiB/s`
    return { ours: median(samples), note, samples: { ours: samples } }
  },
}

async function uploadSeconds(session: Session, content: Uint8Array): Promise<number> {
  const image = { name: 'bench-upload', container_format: 'bare', disk_format: 'raw' }
  const { id } = ok(await session.image.post('/images', image))
  const client = session.image.with({ 'content-type': 'application/octet-stream' })
  const { ms, answer } = await timed(
    async () => await client.send('PUT', `/images/${String(id)}/file`, content),
  )
  ok(answer)
  ok(await session.image.delete(`/images/${String(id)}`))
  return ms / 1000
}

/** What the disk alone allows in this run. */
async function writeSeconds(path: string, content: Uint8Array): Promise<number> {
  const { ms } = await timed(async () => {
    await using file = await open(path, 'w')
    await file.writeFile(content)
    await file.sync()
  })
  await rm(path)
  return ms / 1000
}
