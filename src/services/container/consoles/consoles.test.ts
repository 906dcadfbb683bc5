import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
let uuid: string
beforeAll(async () => {
  bed = await startContainerBed()
  uuid = (await bed.run({ interactive: true, tty: true })).uuid
})
afterAll(async () => await bed.close())

const execUrl = async (command: string): Promise<string> => {
  const path = `/containers/${uuid}/execute?command=${command}&run=false&interactive=true`
  return (await bed.at().post(path)).body.proxy_url
}

/** Everything that is said until the other side hangs up. */
async function talkTo(url: string, words: string, protocols: string[] = []): Promise<string> {
  const socket = new WebSocket(url, protocols)
  let heard = ''
  socket.on('message', (data: Buffer) => (heard += data.toString()))
  await once(socket, 'open')
  socket.send(socket.protocol === 'base64' ? Buffer.from(words).toString('base64') : words)
  await expect.poll(() => heard).not.toBe('')
  socket.close()
  await once(socket, 'close')
  return heard
}

async function refusal(url: string, origin?: string): Promise<number> {
  const socket = new WebSocket(url, { headers: origin === undefined ? {} : { origin } })
  const [, response] = await once(socket, 'unexpected-response')
  response.resume()
  return response.statusCode as number
}

describe('a console', () => {
  it('talks with the container and with a command in it', async () => {
    const attach = (await bed.at().get(`/containers/${uuid}/attach`)).body
    expect(attach).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/container\/console\?token=/)
    expect(await talkTo(attach, 'hello\n')).toContain('hello')
    expect(await talkTo(await execUrl('cat'), 'there\n', ['binary', 'base64'])).toContain('there')
  })

  it('speaks base64 when the client knows nothing else', async () => {
    const heard = await talkTo(await execUrl('cat'), 'words\n', ['base64'])
    expect(Buffer.from(heard, 'base64').toString()).toContain('words')
  })

  it('is good for one connection, for this container, and not for pages of other sites', async () => {
    const used = await execUrl('cat')
    await talkTo(used, 'x\n')
    expect(await refusal(used)).toBe(401)
    const other = new URL(await execUrl('cat'))
    other.searchParams.set('uuid', 'another')
    expect(await refusal(other.toString())).toBe(401)
    expect(await refusal(await execUrl('cat'), 'https://elsewhere.example')).toBe(403)
    expect(await refusal(`${bed.url.replace('http', 'ws')}/container/console`)).toBe(400)
  })
})
