import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../../kernel/testkit/client.ts'
import { startComputeBed, type ComputeBed } from '../../testbed.ts'

let bed: ComputeBed
beforeAll(async () => {
  bed = await startComputeBed()
})
afterAll(async () => {
  await bed.close()
})

async function acted(id: string, body: Record<string, unknown>): Promise<Json> {
  const { status } = await bed.act(id, body)
  await bed.settle()
  return { answered: status, ...(await bed.show(id)) }
}

describe('a rescued server', () => {
  it('waits on its own files, refuses what needs its own process, and goes on again', async () => {
    const { id } = await bed.boot()
    const answer = await bed.act(id, { rescue: { adminPass: 'x', rescue_image_ref: bed.imageId } })
    expect([answer.status, answer.body]).toEqual([200, { adminPass: 'x' }])
    await bed.settle()
    expect(await bed.show(id)).toMatchObject({
      status: 'RESCUE',
      'OS-EXT-STS:vm_state': 'rescued',
      'OS-EXT-STS:task_state': null,
      'OS-EXT-STS:power_state': 1,
    })
    expect(bed.engine.specOf(id)).toMatchObject({ keepFiles: true, hostname: 'web' })
    for (const body of [
      { reboot: { type: 'HARD' } },
      { rebuild: { imageRef: bed.imageId } },
      { rescue: null },
      { 'os-stop': null },
      { createImage: { name: 'x' } },
    ])
      expect([body, (await bed.act(id, body)).status]).toEqual([body, 409])
    expect((await bed.at('2.1').get('/compute/v2.1/servers?status=RESCUE')).body.servers).toEqual([
      expect.objectContaining({ id }),
    ])
    expect(await acted(id, { unrescue: null })).toMatchObject({ answered: 202, status: 'ACTIVE' })
    expect(bed.engine.specOf(id).entrypoint).toBeUndefined()
    expect((await bed.act(id, { unrescue: null })).status).toBe(409)
  })

  it('may have been stopped, may be deleted', async () => {
    const { id } = await bed.boot()
    await acted(id, { 'os-stop': null })
    expect(await acted(id, { rescue: null })).toMatchObject({ answered: 200, status: 'RESCUE' })
    await bed.at('2.1').delete(`/compute/v2.1/servers/${id}`)
    await bed.settle()
    expect(await bed.engine.list()).not.toContain(id)
  })

  it('is started from no image but its own', async () => {
    const { id } = await bed.boot()
    const other = await bed.upload('other')
    const { status, body } = await bed.act(id, { rescue: { rescue_image_ref: other } })
    expect([status, body.badRequest.message]).toEqual([
      400,
      expect.stringMatching(/cannot be rescued: a container has no second disk/),
    ])
    await acted(id, { pause: null })
    expect((await bed.act(id, { rescue: {} })).status).toBe(409)
  })

  it('that cannot be made is in ERROR, with a way back by a hard reboot', async () => {
    const { id } = await bed.boot()
    const { start } = bed.engine
    bed.engine.start = async () =>
      await Promise.reject(Object.assign(new Error('no /bin/sh'), { status: 400 }))
    const failed = await acted(id, { rescue: {} })
    expect(failed).toMatchObject({ status: 'ERROR', fault: { message: /no \/bin\/sh/ } })
    bed.engine.start = start
    expect(await acted(id, { reboot: { type: 'HARD' } })).toMatchObject({ status: 'ACTIVE' })
    expect(bed.engine.specOf(id)).toMatchObject({ keepFiles: true })
    expect(bed.engine.specOf(id).entrypoint).toBeUndefined()
  })
})
