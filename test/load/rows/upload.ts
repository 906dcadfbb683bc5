import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { request } from 'node:http'
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
    const upload = async (content: Uint8Array): Promise<number> =>
      await uploadSeconds(cloud.url, session, content)
    const content = new Uint8Array(randomBytes(SIZE_MIB * MIB))
    const samples: number[] = []
    const disk: number[] = []
    const cpu: number[] = []
    for (const _ of range(stand.times(5, 3))) {
      const before = await cpuSeconds(cloud.pid)
      samples.push(SIZE_MIB / (await upload(content)))
      cpu.push((await cpuSeconds(cloud.pid)) - before)
      disk.push(SIZE_MIB / (await writeSeconds(join(cloud.data, 'bench-write'), content)))
    }
    const note = `${samples.length} times, ${median(cpu).toFixed(2)} s of the server's CPU time each; the same bytes written and fsynced by a plain program: ${median(disk).toFixed(0)} MiB/s`
    return { ours: median(samples), note, samples: { ours: samples } }
  },
}

async function uploadSeconds(url: string, session: Session, content: Uint8Array): Promise<number> {
  const image = { name: 'bench-upload', container_format: 'bare', disk_format: 'raw' }
  const { id } = ok(await session.image.post('/images', image))
  const { ms } = await timed(
    async () => await put(`${url}/image/v2/images/${String(id)}/file`, session.token, content),
  )
  ok(await session.image.delete(`/images/${String(id)}`))
  return ms / 1000
}

/** Not by `fetch`, which copies the bytes twice before it sends the first: 64 MiB take it 170 ms if nobody does anything with them. */
async function put(url: string, token: string, content: Uint8Array): Promise<void> {
  const headers = {
    'x-auth-token': token,
    'content-type': 'application/octet-stream',
    'content-length': content.length,
  }
  const status = await new Promise((resolve, reject) => {
    const asked = request(url, { method: 'PUT', headers }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode))
    })
    asked.once('error', reject).end(content)
  })
  if (status !== 204) throw new Error(`the upload answered ${String(status)}`)
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
