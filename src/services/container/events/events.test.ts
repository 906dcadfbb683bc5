import { afterAll, beforeAll, expect, it } from 'vitest'
import { startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

/** Everything a listener has heard so far. */
async function listen(person: string): Promise<{ readonly heard: () => string; end(): void }> {
  const end = new AbortController()
  const response = await fetch(`${bed.url}/container/v1/events`, {
    headers: { 'x-auth-token': person },
    signal: end.signal,
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  void (async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? [])
      text += chunk
  })().catch(() => undefined)
  return { heard: () => text, end: () => end.abort() }
}

it('tells the project, and no other, what becomes of its containers', async () => {
  const mine = await listen('demo')
  const others = await listen('other')
  const { uuid } = await bed.run({ name: 'told' })
  await expect.poll(mine.heard).toContain(`"uuid":"${uuid}","name":"told","status":"Running"`)
  await bed.at().delete(`/containers/${uuid}?stop=true`)
  await bed.settle()
  await expect.poll(mine.heard).toContain(`"uuid":"${uuid}","name":"told","status":"Deleted"`)
  expect(mine.heard().match(/"status":"Running"/g)).toHaveLength(1)
  expect(others.heard()).not.toContain(uuid)
  mine.end()
  others.end()
})

it('tells how a process ended, and that one was started again', async () => {
  const mine = await listen('demo')
  const { uuid } = await bed.run({ restart_policy: { Name: 'on-failure', MaximumRetryCount: 1 } })
  bed.engine.runOutOfMemory(uuid)
  await expect
    .poll(mine.heard)
    .toMatch(/"status":"Restarting",.*Exited\(137\).*"oom_killed":true,"restart_count":1/)
  await expect.poll(mine.heard).toMatch(/"status":"Running",.*"restart_count":1/)
  bed.engine.die(uuid, 7)
  await expect
    .poll(mine.heard)
    .toMatch(/"status":"Stopped",.*"exit_code":7,"oom_killed":false,"restart_count":1/)
  mine.end()
})
