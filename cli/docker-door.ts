import { join } from 'node:path'
import type { Settings } from './settings.ts'

/** The door for Docker's own networks, while no cloud runs. */

/** To be open before a Docker Engine starts: it waits for it, once for every such network. */
export async function reopenDoor({ data, config }: Settings): Promise<void> {
  // loaded when needed only: every other command starts without the engines
  const keeper = await import('../src/engines/docker-plugin/keeper.ts')
  await keeper.reopenDoor({
    folder: folderOf(data),
    plugins: keeper.DOCKER_PLUGINS,
    name: config.docker.networkDriver,
  })
}

/** From now on it lets everything end that Docker has of it; answers its driver's name, or undefined when there is none of ours. */
export async function bidFarewell(data: string): Promise<string | undefined> {
  const { askDoor } = await import('../src/engines/docker-plugin/keeper.ts')
  const door = await askDoor(folderOf(data), 'farewell')
  return door?.open === true ? door.name : undefined
}

/** Nothing of it is left, whatever became of it before. */
export async function closeDoor(data: string, driver: string): Promise<void> {
  const keeper = await import('../src/engines/docker-plugin/keeper.ts')
  await keeper.endDoor(folderOf(data))
  await keeper.removeStaleSocket({ plugins: keeper.DOCKER_PLUGINS, name: driver })
}

const folderOf = (data: string): string => join(data, 'docker-plugin')
