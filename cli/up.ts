import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  baseUrl,
  checkPortIsFree,
  findCloud,
  readiness,
  startCloud,
  waitUntilReady,
  type RunningCloud,
} from './cloud.ts'
import { CommandError } from './command.ts'
import { dockerApi } from './docker-api.ts'
import { reopenDoor } from './docker-door.ts'
import { ensureDocker } from './host/dockerd.ts'
import { ensureGuestImages } from './host/guests.ts'
import { installMissing, missingRequirements } from './host/packages.ts'
import type { Settings } from './settings.ts'
import { bold, cyan, dim, say, step, warn } from './terminal.ts'

/** From whatever is there to a cloud that answers. Every part looks first, so that doing it again does nothing. */
export interface UpResult {
  readonly cloud: RunningCloud
  readonly wasRunning: boolean
}

export async function bringUp(settings: Settings, yes: boolean): Promise<UpResult> {
  const running = findCloud(settings.data)
  if (running !== undefined) {
    if ((await readiness(running.settings))?.ready !== true) {
      await step('Waiting for the cloud that is starting', (note) =>
        waitUntilReady(running.settings, note),
      )
    }
    tellDifferences(settings, running)
    return { cloud: running, wasRunning: true }
  }
  await prepareHost(settings, yes)
  const cloud = await step('Starting the cloud', (note) => startCloud(settings, note))
  return { cloud, wasRunning: false }
}

/** Everything before the cloud's own process: packages, the Docker Engine, guest images. */
export async function prepareHost(settings: Settings, yes: boolean): Promise<void> {
  await checkPortIsFree(settings)
  mkdirSync(settings.data, { recursive: true, mode: 0o700 })
  if (settings.config.engines.kind === 'fake') return
  requireRoot()
  await reopenDoor(settings)
  const socket = settings.config.engines.dockerSocket
  const version = await dockerApi(socket).version()
  await installMissing(missingRequirements(version !== undefined), yes)
  if (version === undefined) {
    await step('Starting the Docker Engine', (note) => ensureDocker(socket, settings.data, note))
  }
  await ensureGuestImages(settings.data)
}

export function tellWhereItIs({ cloud, wasRunning }: UpResult): void {
  const { data } = cloud.settings
  const file = join(data, 'clouds.yaml')
  say()
  say(wasRunning ? bold('Stackyard is already up: nothing to do.') : bold('Stackyard is up.'))
  say(`  endpoint     ${baseUrl(cloud.settings)}/identity/v3`)
  say(`  clouds.yaml  ${file}  ${dim('clouds «stackyard» (user demo) and «stackyard-admin»')}`)
  say(`  openrc       ${join(data, 'openrc')}  ${dim('the administrator, for a shell')}`)
  say()
  say(bold('Next'))
  const next = {
    './stackyard demo': 'a web page behind a floating IP, step by step',
    'eval "$(./stackyard openrc)"': 'then any OpenStack client, e.g.',
    'openstack image list': '(pip install python-openstackclient)',
  }
  for (const [command, why] of Object.entries(next))
    say(`  ${cyan(command.padEnd(30))} ${dim(why)}`)
}

function tellDifferences(wanted: Settings, running: RunningCloud): void {
  const asked = wanted.mainArgs.slice(2).join(' ')
  const has = running.settings.mainArgs.slice(2).join(' ')
  if (asked === '' || asked === has) return
  warn(`It was started with «${has}»: ./stackyard down first, for «${asked}» to count.`)
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new CommandError('real containers and networks need root', [
    'sudo ./stackyard up                 network namespaces, bridges and nftables belong to root',
    './stackyard up --engines fake       the APIs alone, everything in memory, without root',
  ])
}
