import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { run } from '../../kernel/exec/run.ts'
import { networkSpec } from '../../ports/contract/network-specs.ts'
import { createLinuxNetwork } from './linux-network.ts'
import { namesOf } from './names.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'

let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

const takeAway = async (id: string): Promise<string> =>
  await run('ip', ['netns', 'del', namesOf(bed.cloud).network(id)])

it('tells of a network that somebody else removed, of no other, until it is not asked any more', async () => {
  const told: string[] = []
  const stop = new AbortController()
  const [removed, stolen, listed] = [randomUUID(), randomUUID(), randomUUID()]
  await bed.port.ensureNetwork(networkSpec(listed))
  // as after a restart: what it has not made itself it knows by having looked
  const next = createLinuxNetwork({ cloud: bed.cloud, log: { debug: () => undefined } })
  await next.list()
  const listening = (async () => {
    for await (const id of next.losses('network', stop.signal)) told.push(id)
  })()
  const routers = next.losses('router', stop.signal)[Symbol.asyncIterator]().next()
  for (const id of [removed, stolen]) await next.ensureNetwork(networkSpec(id))

  await next.removeNetwork(removed)
  await takeAway(stolen)
  await expect.poll(() => told).toEqual([stolen])
  await takeAway(listed)
  await expect.poll(() => told).toEqual([stolen, listed])
  await next.ensureNetwork(networkSpec(stolen))
  await takeAway(stolen)
  await expect.poll(() => told).toEqual([stolen, listed, stolen])

  stop.abort()
  await listening
  expect(await routers).toEqual({ done: true, value: undefined })
  await next.close()
})
