import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { extract, pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../kernel/testkit/client.ts'
import { redeem } from '../consoles/consoles.ts'
import { startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
let id: string
beforeAll(async () => {
  bed = await startContainerBed()
  id = (await bed.run({ name: 'box', interactive: true })).uuid
})
afterAll(async () => await bed.close())

const detailOf = (answer: { readonly body: Json }): string => answer.body.errors[0].detail
const at = (verb: string): string => `/containers/${id}/${verb}`

describe('output', () => {
  it('is one JSON text, by streams and last lines', async () => {
    const all = await bed.at().get(at('logs?stdout=True&stderr=True&timestamps=False&tail=all'))
    expect(all.headers.get('content-type')).toContain('application/json')
    expect(all.body).toBe('box: started\nbox: ready\n')
    expect((await bed.at().get(at('logs?tail=1'))).body).toBe('box: ready\n')
    expect((await bed.at().get(at('logs?since=2999-01-01%2000:00:00,000'))).body).toBe('')
    const odd = await bed.at().get(at('logs?since=yesterday'))
    expect(odd.status).toBe(400)
    expect(detailOf(odd)).toContain('yesterday')
    expect((await bed.at().get(at('logs?colour=1'))).status).toBe(400)
  })

  it('goes on with follow, until the process ends', async () => {
    const { uuid } = await bed.run({ name: 'short' })
    const answer = bed.at().get(`/containers/${uuid}/logs?follow=true`)
    await bed.engine.kill(uuid, 'SIGKILL')
    expect((await answer).headers.get('content-type')).toContain('text/plain')
    expect((await answer).body).toContain('short: ready')
  })
})

describe('commands', () => {
  it('run to their end, arguments in query or body', async () => {
    bed.engine.execAnswer = { exitCode: 3, output: 'hello\n' }
    const answer = await bed.at().post(at(`execute?command=${encodeURIComponent('sh -c "a b"')}`))
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ output: 'hello\n', exit_code: 3, exec_id: null, proxy_url: null })
    expect(bed.engine.executed?.command).toEqual(['sh', '-c', 'a b'])
    const body = await bed.at().post(at('execute'), { command: 'true', run: true })
    expect(body.body.exit_code).toBe(3)
    expect((await bed.at().post(at('execute'))).status).toBe(400)
    const actions = (await bed.at().get(at('container_actions'))).body.containerActions
    expect(actions[0]).toMatchObject({ action: 'exec_cmd', message: null })
    expect(actions[0].finish_time).not.toBeNull()
  })

  it('wait for whoever comes with the URL, once', async () => {
    const { body } = await bed.at().post(at('execute?command=sh&run=false&interactive=true'))
    expect(body.exec_id).toMatch(/^[0-9a-f]{64}$/)
    const url = new URL(body.proxy_url)
    expect(`${url.protocol}//${url.host}${url.pathname}`).toBe(
      `${bed.url.replace('http', 'ws')}/container/console`,
    )
    const token = url.searchParams.get('token') ?? ''
    const pass = await redeem(bed.ctx(), token)
    expect(pass).toMatchObject({ kind: 'exec', containerId: id, execId: body.exec_id })
    expect(await redeem(bed.ctx(), token)).toBeUndefined()
    expect(
      (await bed.at().post(at(`execute_resize?exec_id=${'0'.repeat(64)}&h=1&w=1`))).status,
    ).toBe(404)
  })
})

it('is attached to when it is interactive', async () => {
  const url = new URL((await bed.at().get(at('attach'))).body)
  const pass = await redeem(bed.ctx(), url.searchParams.get('token') ?? '')
  expect(pass).toMatchObject({ kind: 'attach', containerId: id, execId: undefined })
  expect((await bed.at().post(at('resize?w=80&h=24'))).status).toBe(200)
  const { uuid } = await bed.run()
  const refused = await bed.at().get(`/containers/${uuid}/attach`)
  expect(refused.status).toBe(400)
  expect(detailOf(refused)).toContain('interactive')
})

it('shows what it uses in Zun’s words, and its processes', async () => {
  const stats = (await bed.at().get(at('stats'))).body
  expect(Object.keys(stats)).toEqual([
    'CONTAINER',
    'CPU %',
    'MEM USAGE(MiB)',
    'MEM LIMIT(MiB)',
    'MEM %',
    'BLOCK I/O(B)',
    'NET I/O(B)',
  ])
  expect(stats['MEM LIMIT(MiB)']).toBe(512)
  const all = (await bed.at().get('/stats')).body.stats
  expect(all.find((one: Json) => one.uuid === id)).toMatchObject({ CONTAINER: 'box' })
  const others = await bed.at('1.40', 'other').get('/stats')
  expect(others.body.stats).toEqual([])
  const top = (await bed.at().get(at('top?ps_args=None'))).body
  expect(top.Titles.length).toBe(top.Processes[0].length)
})

describe('archives', () => {
  const contentOf = async (tar: Buffer): Promise<string> => {
    const files: string[] = []
    const reader = extract()
    reader.on('entry', (_header, stream, next) => {
      stream.on('data', (chunk) => files.push(String(chunk)))
      stream.on('end', next)
    })
    await pipeline(Readable.from([tar]), reader)
    return files.join('|')
  }

  it.each([
    ['1.24', 'utf8'],
    ['1.25', 'base64'],
  ] as const)('go in and out: %s as %s', async (version, encoding) => {
    const writer = pack()
    writer.entry({ name: 'note.txt' }, `hello ${version}`)
    writer.finalize()
    const tar = await buffer(writer)
    const body = { data: tar.toString(encoding) }
    const put = await bed.at(version).post(at('put_archive?path=/'), body)
    expect(put.status).toBe(200)
    const got = (await bed.at(version).get(at('get_archive?path=/note.txt'))).body
    expect(got.stat).toMatchObject({ name: 'note.txt', size: `hello ${version}`.length })
    expect(await contentOf(Buffer.from(got.data, encoding))).toBe(`hello ${version}`)
    const streamed = await bed.at().get(at('archive?path=/note.txt'))
    expect(streamed.headers.get('content-type')).toBe('application/x-tar')
    expect(await contentOf(streamed.bytes)).toBe(`hello ${version}`)
  })

  it('say what is not there and what is no archive', async () => {
    const missing = await bed.at().get(at('get_archive?path=/nowhere'))
    expect(missing.status).toBe(404)
    expect((await bed.at().post(at('put_archive?path=/'), { data: '%%%' })).status).toBe(400)
  })
})

describe('kill', () => {
  it.each([
    ['', 'Stopped'],
    ['?signal=None', 'Stopped'],
    ['?signal=term', 'Stopped'],
    ['?signal=9', 'Stopped'],
    ['?signal=SIGHUP', 'Running'],
  ])('%s → %s', async (query, status) => {
    const { uuid } = await bed.run()
    expect((await bed.at().post(`/containers/${uuid}/kill${query}`)).status).toBe(202)
    await expect.poll(async () => (await bed.show(uuid)).status).toBe(status)
  })

  it('knows signals', async () => {
    const odd = await bed.at().post(at('kill?signal=shout'))
    expect(odd.status).toBe(400)
    expect(detailOf(odd)).toContain('shout')
  })
})
