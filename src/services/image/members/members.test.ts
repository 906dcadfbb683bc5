import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startImageBed, type ImageBed } from '../testbed.ts'

let bed: ImageBed
beforeAll(async () => {
  bed = await startImageBed()
})
afterAll(async () => {
  await bed.close()
})

const other = projectIdOf('other')
const listed = async (): Promise<string[]> =>
  (await bed.as('other').get('/image/v2/images')).body.images.map(
    (image: { id: string }) => image.id,
  )

describe('sharing', () => {
  it('goes from invitation to acceptance, rejection and end', async () => {
    const { id } = await bed.create('demo')
    const members = `/image/v2/images/${id}/members`
    expect((await bed.as('other').get(`/image/v2/images/${id}`)).status).toBe(404)
    const invited = await bed.as('demo').post(members, { member: other })
    expect([invited.status, invited.body]).toEqual([
      200,
      {
        member_id: other,
        image_id: id,
        status: 'pending',
        schema: '/v2/schemas/member',
        created_at: expect.any(String),
        updated_at: expect.any(String),
      },
    ])
    expect((await bed.as('demo').post(members, { member: other })).status).toBe(409)
    expect((await bed.as('other').get(`/image/v2/images/${id}`)).status).toBe(200)
    expect(await listed()).not.toContain(id)

    expect((await bed.as('demo').put(`${members}/${other}`, { status: 'accepted' })).status).toBe(
      403,
    )
    expect((await bed.as('other').put(`${members}/${other}`, { status: 'perhaps' })).status).toBe(
      400,
    )
    expect(
      (await bed.as('other').put(`${members}/${other}`, { status: 'accepted' })).body.status,
    ).toBe('accepted')
    expect(await listed()).toContain(id)
    expect((await bed.as('other').put(`${members}/${other}`, { status: 'rejected' })).status).toBe(
      200,
    )
    expect(await listed()).not.toContain(id)

    expect((await bed.as('other').delete(`${members}/${other}`)).status).toBe(403)
    expect((await bed.as('demo').delete(`${members}/${other}`)).status).toBe(204)
    expect((await bed.as('demo').delete(`${members}/${other}`)).status).toBe(404)
    expect((await bed.as('other').get(`/image/v2/images/${id}`)).status).toBe(404)
  })

  it('shows a member itself only', async () => {
    const { id } = await bed.create('demo')
    const members = `/image/v2/images/${id}/members`
    for (const member of [other, 'third']) await bed.as('demo').post(members, { member })
    expect((await bed.as('demo').get(members)).body.members).toHaveLength(2)
    expect(
      (await bed.as('other').get(members)).body.members.map(
        (row: { member_id: string }) => row.member_id,
      ),
    ).toEqual([other])
    expect((await bed.as('other').get(`${members}/third`)).status).toBe(404)
    expect((await bed.as('demo').get(`${members}/third`)).body.status).toBe('pending')
  })

  it('is for shared images', async () => {
    const { id } = await bed.create('demo', { visibility: 'private' })
    expect(
      (await bed.as('demo').post(`/image/v2/images/${id}/members`, { member: other })).status,
    ).toBe(403)
    expect((await bed.as('demo').post(`/image/v2/images/${id}/members`, {})).status).toBe(400)
    expect(
      (await bed.as('demo').post(`/image/v2/images/${id}/members`, { member: 'x', more: 1 }))
        .status,
    ).toBe(400)
  })
})
