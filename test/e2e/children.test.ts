import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAlive, waitUntilGone } from '../../src/kernel/exec/child.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { Session } from '../support/session.ts'
import { makeNetwork, makeRouter } from '../support/tenant.ts'

/** The cloud runs other programs; when it is killed with -9, nobody is left to end them. */
const GONE_MS = 2000

let data: string
let cloud: CloudProcess
beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
})
afterAll(async () => {
  await cloud.kill()
  await purge(data)
})

describe('a cloud that is killed', () => {
  it.each([
    ['what opens the sockets of a network', /guests\/doors-child\.ts/],
    ['what starts programs for it', /^sh $/],
    ['what is told about links', /^ip -n /],
    ['what is told about filters', /nft -i/],
  ])('leaves nothing running that was there with %s', async (_, wanted) => {
    const children = await childrenOnceThereIs(wanted)
    await cloud.kill()
    const left = await Promise.all(
      children.map(async ({ pid, command }) =>
        (await waitUntilGone(pid, GONE_MS)) ? [] : [command],
      ),
    )
    for (const { pid } of children) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    expect(left.flat()).toEqual([])
    cloud = await startCloudProcess({ data })
  })
})

interface Child {
  readonly pid: number
  readonly command: string
}

/** A network behind a router is made, so that the cloud has something to do; the answer comes at the first sight of it. */
async function childrenOnceThereIs(wanted: RegExp): Promise<readonly Child[]> {
  const session = await Session.login(cloud.credentials('demo'))
  const network = await makeNetwork(session, 'busy', '10.77.0.0/24')
  await makeRouter(session, 'busy', network.subnetId)
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(1)) {
    const children = childrenOf(cloud.pid)
    if (children.some(({ command }) => wanted.test(command))) return children
  }
  throw new Error(`the cloud never ran ${wanted.source}`)
}

/** Those in its own session: what is started in a session of its own is meant to go on. */
function childrenOf(parent: number): readonly Child[] {
  const session = statOf(parent)[3]
  return readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : []
    if (Number(stat[1]) !== parent || stat[3] !== session) return []
    const command = textOf(`/proc/${name}/cmdline`).replaceAll('\0', ' ')
    return [{ pid: Number(name), command }]
  })
}

/** State, parent, group, session, … */
const statOf = (pid: number): readonly string[] =>
  textOf(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')

/** A process may end between being listed and being read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
