import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, Json } from '../../../kernel/testkit/client.ts'
import { startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

async function tarOf(dockerfile: string): Promise<Uint8Array> {
  const tar = pack()
  tar.entry({ name: 'Dockerfile' }, dockerfile)
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

const send = async (query: string, body: Uint8Array, person: 'demo' | 'reader' = 'demo') =>
  await bed
    .as(person)
    .with({ 'content-type': 'application/x-tar' })
    .send('POST', `/container/v1/builds?${query}`, body)

const get = async (path: string, person: 'demo' | 'other' = 'demo'): Promise<Answer> =>
  await bed.as(person).get(`/container/v1/builds${path}`)

/** Sends a Dockerfile, waits for the end, answers the build. */
async function build(name: string, dockerfile: string, query = ''): Promise<Json> {
  const sent = await send(`name=${name}${query}`, await tarOf(dockerfile))
  expect(sent.status).toBe(202)
  expect(sent.body.build).toMatchObject({ name, status: 'Queued', image_id: null })
  await bed.settle()
  return (await get(`/${sent.body.build.uuid}`)).body.build
}

describe('a build', () => {
  it('makes an image that a container can be run from by its name', async () => {
    const made = await build('my-app', 'FROM scratch\nCMD ["serve"]\n', '&label=a=b&arg=V=1')
    expect(made).toMatchObject({ status: 'Succeeded', status_reason: null, labels: { a: 'b' } })
    expect(made.finished_at).not.toBeNull()
    const image = (await bed.as('demo').get(`/image/v2/images/${made.image_id}`)).body
    expect(image).toMatchObject({
      name: 'my-app',
      status: 'active',
      container_format: 'docker',
      visibility: 'private',
      stackyard_build: made.uuid,
    })
    const { uuid } = await bed.run({ image: 'my-app' })
    expect(await bed.show(uuid)).toMatchObject({ status: 'Running' })
    expect(await bed.engine.listImages()).toEqual([])
  })

  it('tells what it said, also later', async () => {
    const { uuid } = await build('talking', 'FROM scratch\nRUN x\n')
    const log = await get(`/${uuid}/log?follow=true`)
    expect(log.headers.get('content-type')).toContain('text/plain')
    expect(log.body).toMatch(/^Step 1\/2 : FROM scratch\nStep 2\/2 : RUN x\nSaving the image/)
  })

  it('gives a name to the newest image; the one before is called by its id too', async () => {
    const first = await build('twice', 'FROM scratch\n')
    const second = await build('twice', 'FROM scratch\n')
    const nameOf = async (id: string): Promise<string> =>
      (await bed.as('demo').get(`/image/v2/images/${id}`)).body.name
    expect(await nameOf(second.image_id)).toBe('twice')
    expect(await nameOf(first.image_id)).toBe(`twice@${first.image_id.slice(0, 8)}`)
  })

  it('fails with the builder’s reason and leaves no image', async () => {
    const failed = await build('bad', 'FROM scratch\nRUN fail-build\n')
    expect(failed).toMatchObject({ status: 'Failed', image_id: null })
    expect(failed.status_reason).toContain('RUN fail-build')
    expect((await bed.as('demo').get('/image/v2/images?name=bad')).body.images).toEqual([])
  })

  it('fails when the image cannot be kept, and leaves none', async () => {
    const { images } = (await bed.as('demo').get('/image/v2/images')).body
    const failed = await build('nothing', 'no Dockerfile at all')
    expect(failed.status).toBe('Failed')
    expect((await bed.as('demo').get('/image/v2/images')).body.images).toHaveLength(images.length)
  })

  it('ends when it is cancelled, and when it takes too long', async () => {
    bed.engine.delayMs = 30_000
    const sent = await send('name=slow', await tarOf('FROM scratch\n'))
    const { uuid } = sent.body.build
    await expect.poll(async () => (await get(`/${uuid}`)).body.build.status).toBe('Building')
    expect((await bed.as('demo').delete(`/container/v1/builds/${uuid}`)).status).toBe(409)
    expect((await bed.as('demo').post(`/container/v1/builds/${uuid}/cancel`)).status).toBe(202)
    await bed.settle()
    expect((await get(`/${uuid}`)).body.build).toMatchObject({ status: 'Cancelled' })
    expect((await bed.as('demo').post(`/container/v1/builds/${uuid}/cancel`)).status).toBe(409)
    expect((await bed.as('demo').delete(`/container/v1/builds/${uuid}`)).status).toBe(204)
    expect((await get(`/${uuid}`)).status).toBe(404)
    const late = await build('late', 'FROM scratch\n')
    expect(late).toMatchObject({ status: 'Failed' })
    expect(late.status_reason).toMatch(/took longer than/)
    bed.engine.delayMs = 0
  })
})

describe('what is refused', () => {
  it.each([
    ['without a name', '', 400],
    ['with an unknown word', 'name=a1&colour=red', 400],
    ['with an argument that is none', 'name=a1&arg=V', 400],
  ])('%s', async (_what, query, status) => {
    expect((await send(query, await tarOf('FROM scratch\n'))).status).toBe(status)
  })

  it('an empty body, one that is too large, a reader', async () => {
    expect((await send('name=a1', new Uint8Array())).status).toBe(400)
    expect((await send('name=a1', new Uint8Array(200_000))).status).toBe(413)
    expect((await send('name=a1', await tarOf('FROM scratch\n'), 'reader')).status).toBe(403)
  })

  it('the builds of another project', async () => {
    const { uuid } = await build('private', 'FROM scratch\n')
    expect((await get(`/${uuid}`, 'other')).status).toBe(404)
    expect((await get(`/${uuid}/log`, 'other')).status).toBe(404)
    expect((await get('', 'other')).body.builds).toEqual([])
    expect((await get('')).body.builds[0].uuid).toBe(uuid)
  })
})
