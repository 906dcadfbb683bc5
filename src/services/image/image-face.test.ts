import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { startImageBed, type ImageBed } from './testbed.ts'

let bed: ImageBed
beforeAll(async () => {
  bed = await startImageBed({ quota: { bytes: 1000, images: 5 } })
})
afterAll(async () => {
  await bed.close()
})

const wish = {
  projectId: projectIdOf('demo'),
  name: 'snapshot',
  containerFormat: 'docker',
  diskFormat: 'raw',
  minDiskGiB: 1,
  minRamMiB: 2,
  properties: { image_type: 'snapshot' },
}

describe('other services', () => {
  it('reserve, fill, read, describe and delete an image', async () => {
    const { face } = bed.image
    const ctx = bed.ctx()
    const id = await face.reserveImage(ctx, wish)
    expect(await face.findImage(ctx, id)).toMatchObject({
      status: 'queued',
      visibility: 'private',
      projectId: wish.projectId,
      minRamMiB: 2,
      key: null,
    })
    await expect(face.openImage(ctx, id)).rejects.toThrow(/no data/)
    await face.fillImage(ctx, id, Readable.from(['bytes']))
    expect(await text(await face.openImage(ctx, id))).toBe('bytes')
    await face.setImageProperties(ctx, id, { image_type: null, base: 'x' })
    expect((await face.listImages(ctx)).find((image) => image.id === id)?.properties).toEqual({
      base: 'x',
    })
    await bed.patch('demo', id, [{ op: 'replace', path: '/protected', value: true }])
    await face.deleteImage(ctx, id)
    await face.deleteImage(ctx, id)
    await bed.settle()
    expect(await bed.store.list()).toEqual([])
  })

  it('are told when the bytes break off, and the image waits for others', async () => {
    const { face } = bed.image
    const id = await face.reserveImage(bed.ctx(), wish)
    const broken = new Readable({
      read() {
        this.destroy(new Error('the engine died'))
      },
    })
    await expect(face.fillImage(bed.ctx(), id, broken)).rejects.toThrow(/the engine died/)
    await expect(face.fillImage(bed.ctx(), id, Readable.from(['x'.repeat(2000)]))).rejects.toThrow(
      /larger than/,
    )
    expect((await face.findImage(bed.ctx(), id))?.status).toBe('queued')
    await face.deleteImage(bed.ctx(), id)
  })

  it('meet the quota of the project', async () => {
    const ids: string[] = []
    const fill = async (): Promise<void> => {
      for (;;) ids.push(await bed.image.face.reserveImage(bed.ctx(), wish))
    }
    await expect(fill()).rejects.toMatchObject({ status: 413 })
    expect(ids).toHaveLength(5)
    for (const id of ids) await bed.image.face.deleteImage(bed.ctx(), id)
  })
})

describe('the first start', () => {
  it('uploads guests once, and says which file cannot be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guests-'))
    const guest = {
      name: 'guest',
      file: join(folder, 'guest.tar'),
      description: 'A guest',
      minDisk: 0,
      minRam: 0,
      properties: { os_distro: 'alpine' },
    }
    const settings = { guests: [guest], projectId: 'owner' }
    await expect(bed.image.bootstrap(bed.ctx(), settings)).rejects.toThrow(
      `the guest image guest cannot be read from ${guest.file}`,
    )
    writeFileSync(guest.file, 'tar')
    for (const _start of [1, 2]) await bed.image.bootstrap(bed.ctx(), settings)
    const { images } = (await bed.as('demo').get('/image/v2/images?name=guest')).body
    expect(images).toMatchObject([
      {
        status: 'active',
        visibility: 'public',
        container_format: 'docker',
        description: 'A guest',
        os_distro: 'alpine',
        size: 3,
      },
    ])
    rmSync(folder, { recursive: true })
  })
})
