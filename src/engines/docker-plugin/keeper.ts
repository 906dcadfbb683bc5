import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startDetached, waitUntilGone } from '../../kernel/exec/child.ts'
import { reasonOf } from '../../kernel/errors/cloud-error.ts'
import { nodeHttp } from '../../kernel/http/node-http.ts'
import { doorFiles, doorVersion, makeFolder, type DoorStatus } from './door/door.ts'
import { PluginSocket } from './door/plugin-socket.ts'
import { Away, postJson } from './door/wire.ts'

/** What a cloud asks of its door. */
export interface DoorPlace {
  readonly folder: string
  readonly plugins: string
  readonly name: string
}

const ASK_MS = 3000
const START_MS = 8000
const STEP_MS = 25

const mainPath = fileURLToPath(
  new URL(`./door/main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

/** Undefined when no door is there. */
export async function askDoor(
  folder: string,
  order: 'status' | 'hello' | 'farewell' | 'stop',
): Promise<DoorStatus | undefined> {
  try {
    // our own program's answer, of a version that is compared before anything else of it is used
    return (await postJson(doorFiles(folder).control, `/${order}`, {}, ASK_MS)) as DoorStatus
  } catch (error) {
    if (error instanceof Away) return undefined
    throw error
  }
}

/** Where every Docker Engine of a host looks for plugins. */
export const DOCKER_PLUGINS = '/run/docker/plugins'

/**
 * Before a Docker Engine starts: it waits for the door of every network that it has. Nothing happens where there was none that
 * had to outlive its cloud, or where it is open.
 */
export async function reopenDoor(place: DoorPlace): Promise<void> {
  if (place.name !== '' && existsSync(doorFiles(place.folder).outlives)) await ensureDoor(place)
}

/** A door with today's code and this name is there: the one that runs already, or a new one. */
export async function ensureDoor(place: DoorPlace): Promise<DoorStatus> {
  makeFolder(place.folder)
  const version = doorVersion()
  const found = await askDoor(place.folder, 'status')
  if (found !== undefined) {
    const fits =
      found.version === version && found.name === place.name && found.plugins === place.plugins
    if (fits) return found
    await endDoor(place.folder)
  }
  return await startDoor(place, version)
}

/** The cloud's own: compiled code is cached for each set of them, and the cloud has all of the door's but its first lines. */
const v8Flags = (): string[] =>
  process.execArgv.filter((flag) => flag.startsWith('--max-semi-space-size'))

async function startDoor(place: DoorPlace, version: string): Promise<DoorStatus> {
  const { log } = doorFiles(place.folder)
  const args = ['--folder', place.folder, '--plugins', place.plugins, '--name', place.name]
  const child = await startDetached(
    process.execPath,
    [...v8Flags(), mainPath, ...args, '--version', version],
    { logFile: log },
  )
  const given = new AbortController()
  const ended = child.exited.then((code) => `ended with ${code}`)
  const found = await Promise.race([answerOf(place.folder, child.pid, given.signal), ended])
  given.abort()
  if (typeof found === 'object') return found
  throw new Error(`the Docker plugin's process ${found ?? 'does not answer'}: see ${log}`)
}

/** Undefined when it does not come in time, or is not waited for any more. */
async function answerOf(
  folder: string,
  pid: number,
  signal: AbortSignal,
): Promise<DoorStatus | undefined> {
  const until = Date.now() + START_MS
  while (Date.now() < until && !signal.aborted) {
    const status = await askDoor(folder, 'status').catch(() => undefined)
    if (status?.pid === pid) return status
    await wait(STEP_MS)
  }
  return undefined
}

/** Ends the door and takes its socket away; success when there was none. */
export async function endDoor(folder: string): Promise<boolean> {
  const found = await askDoor(folder, 'stop').catch((error: unknown) => {
    throw new Error(`the Docker plugin's process cannot be stopped: ${reasonOf(error)}`)
  })
  if (found === undefined) return false
  if (!(await waitUntilGone(found.pid, START_MS)))
    throw new Error(`process ${found.pid} of the Docker plugin does not end`)
  return true
}

/** A socket that one left behind which was killed, for Docker would wait for it; another cloud's stays. */
export async function removeStaleSocket({
  plugins,
  name,
}: Omit<DoorPlace, 'folder'>): Promise<void> {
  const path = join(plugins, `${name}.sock`)
  if (!existsSync(path)) return
  const socket = new PluginSocket(path, nodeHttp.createServer())
  if ((await socket.take()) === undefined) socket.leave()
}
