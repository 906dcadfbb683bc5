import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf, type Person } from '../../../kernel/testkit/test-app.ts'
import { startImageBed, type ImageBed } from '../testbed.ts'

let bed: ImageBed
beforeAll(async () => {
  bed = await startImageBed()
  await bed.create('demo', { name: 'a', tags: ['t1', 't2'], colour: 'red', min_ram: 10 })
  const b = await bed.create('demo', {
    name: 'b',
    tags: ['t1'],
    visibility: 'private',
    container_format: 'docker',
  })
  const c = await bed.create('demo', { name: 'c,d', os_hidden: false, protected: true })
  await bed.create('demo', { name: 'hidden', os_hidden: true })
  await bed.create('other', { name: 'theirs' })
  await bed.create('other', { name: 'theirs-community', visibility: 'community' })
  await bed.create('admin', { name: 'public', visibility: 'public' })
  const shared = await bed.create('other', { name: 'invited' })
  await bed
    .as('other')
    .post(`/image/v2/images/${shared.id}/members`, { member: projectIdOf('demo') })
  await bed.upload('demo', b.id, '12345')
  await bed.upload('demo', c.id, '123456789')
})
afterAll(async () => {
  await bed.close()
})

async function names(query: string, person: Person = 'demo'): Promise<string[]> {
  const answer = await bed.as(person).get(`/image/v2/images?${query}`)
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.bytes.toString()}`)
  return answer.body.images.map((image: { name: string }) => image.name).toSorted()
}

describe('listing', () => {
  it.each([
    ['', ['a', 'b', 'c,d', 'public']],
    ['visibility=shared', ['a', 'c,d']],
    ['visibility=private', ['b']],
    ['visibility=community', ['theirs-community']],
    ['visibility=public', ['public']],
    ['visibility=all', ['a', 'b', 'c,d', 'public', 'theirs-community']],
    ['visibility=shared&member_status=pending', ['a', 'c,d', 'invited']],
    ['member_status=all', ['a', 'b', 'c,d', 'invited', 'public']],
    ['os_hidden=true', ['hidden']],
    ['protected=true', ['c,d']],
    ['tag=t1', ['a', 'b']],
    ['tag=t1&tag=t2', ['a']],
    ['colour=red', ['a']],
    ['colour=blue', []],
    ['name=in:a,"c,d"', ['a', 'c,d']],
    ['status=in:active,saving', ['b', 'c,d']],
    ['container_format=docker', ['b']],
    ['size_min=6', ['c,d']],
    ['size_max=6', ['b']],
    ['size=5', ['b']],
    ['min_ram=10', ['a']],
    [`owner=${projectIdOf('other')}`, []],
    ['created_at=gt:2001-01-01T00:00:00Z&name=a', ['a']],
    ['created_at=lt:2001-01-01', []],
    ['updated_at=gte:2001-01-01T00:00:00%2B02:00&name=a', ['a']],
  ])('%s', async (query, expected) => {
    expect(await names(query)).toEqual(expected)
  })

  it('shows an admin everything but others’ community images', async () => {
    expect(await names('', 'admin')).toEqual(['a', 'b', 'c,d', 'invited', 'public', 'theirs'])
  })

  it.each([
    'visibility=nobody',
    'member_status=perhaps',
    'os_hidden=perhaps',
    'size=big',
    'size_min=-1',
    'status=odd',
    'status=in:odd',
    'name=in:a"b',
    'name=neq:a',
    'created_at=yesterday',
    'created_at=in:2001-01-01',
    'limit=-1',
    'limit=x',
    'marker=nothing',
    'sort_key=colour',
    'sort=name:up',
    'sort=name&sort_key=name',
    'name=%00',
    'size=99999999999999999999',
  ])('refuses %s', async (query) => {
    expect((await bed.as('demo').get(`/image/v2/images?${query}`)).status).toBe(400)
  })

  it.each([
    'size:asc',
    'size:desc',
    'name:asc,size:desc',
    'container_format:asc,status',
    'created_at',
  ])('pages by %s without gap or overlap', async (sort) => {
    const whole = await bed.as('demo').get(`/image/v2/images?sort=${sort}`)
    const paged: string[] = []
    let next: string | undefined = `/v2/images?limit=1&sort=${sort}`
    while (next !== undefined) {
      const page = await bed.as('demo').get(`/image${next}`)
      paged.push(...page.body.images.map((image: { id: string }) => image.id))
      expect(page.body.first).toContain('limit=1')
      next = page.body.next
    }
    expect(paged).toEqual(whole.body.images.map((image: { id: string }) => image.id))
    expect(paged).toHaveLength(4)
  })
})
