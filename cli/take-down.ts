import { findCloud, stopCloud } from './cloud.ts'
import { dockerApi } from './docker-api.ts'
import { reopenDoor } from './docker-door.ts'
import { ensureDocker, stopOurDocker } from './host/dockerd.ts'
import { findProgram } from './host/packages.ts'
import {
  cloudTag,
  purgeDocker,
  purgeDockerNetworks,
  purgeNetwork,
  purgeStorage,
  removeData,
} from './purge.ts'
import type { Settings } from './settings.ts'
import { step } from './terminal.ts'

/** Stopping and removing, shared by `down` and `reset`. */
export async function stopIfRunning(data: string): Promise<boolean> {
  const cloud = findCloud(data)
  if (cloud === undefined) return false
  await step('Stopping the cloud', () => stopCloud(cloud))
  return true
}

/** What remains: with `keep`, those entries of the data folder and our dockerd; without it, nothing. */
export async function purge(settings: Settings, keep: readonly string[] = []): Promise<void> {
  const { data, config } = settings
  const tag = cloudTag(data)
  const target = {
    data,
    tag,
    dockerSocket: config.engines.dockerSocket,
    driver: config.docker.networkDriver,
  }
  // Only root can have made containers and networks; anybody else's cloud ran on the fake engines.
  if (tag !== undefined && config.engines.kind === 'docker' && process.getuid?.() === 0) {
    await reopenDoor(settings)
    await requireDocker(target.dockerSocket, data)
    await step("Taking back Docker's own networks", () => purgeDockerNetworks(target))
    await step(`Removing containers and images of cloud ${tag}`, () => purgeDocker(target))
    await step('Removing its networks', () => purgeNetwork(tag))
    await step('Removing its mounts', () => purgeStorage(data))
  }
  if (keep.length === 0)
    await step('Stopping the Docker Engine, if we started it', () => stopOurDocker(data))
  await step(`Removing ${data}`, async () => removeData(data, keep))
}

/** Containers can be removed by Docker alone: where it is installed but down, it is started for the while. */
async function requireDocker(socket: string, data: string): Promise<void> {
  if ((await dockerApi(socket).version()) !== undefined) return
  if (findProgram('dockerd') === undefined) return
  await step('Starting the Docker Engine, to remove what it holds', (note) =>
    ensureDocker(socket, data, note),
  )
}
