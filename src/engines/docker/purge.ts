import { rm } from 'node:fs/promises'
import { DockerClient, isDockerError } from './client.ts'
import { listGuestFolders } from './guest-files.ts'
import { forgetKept } from './kept.ts'
import { SANDBOX_IMAGE } from './sandbox-image.ts'
import { cloudFilter, imageRepository, type DockerHost } from './names.ts'
import { removeVolumes } from './volumes.ts'

/**
 * Removes everything this engine ever made for a cloud: containers, spare sandboxes, images, files. For taking a cloud down
 * for good, and for tests. The sandbox image stays while other clouds' containers use it.
 */
export async function purgeDocker(config: {
  readonly socket: string
  readonly cloud: string
  readonly folder: string
}): Promise<void> {
  const client = new DockerClient(config.socket)
  const host: DockerHost = { client, cloud: config.cloud, folder: config.folder }
  try {
    const containers = await client.call<{ Id: string }[]>('GET', '/containers/json', {
      query: { all: true, filters: cloudFilter(host) },
    })
    for (const { Id } of containers)
      await remove(client, `/containers/${Id}`, { force: true, v: true })
    for (const id of await listGuestFolders(host)) await forgetKept(host, id)
    const images = await client.call<{ RepoTags: string[] | null }[]>('GET', '/images/json', {
      query: { filters: JSON.stringify({ reference: [imageRepository(config.cloud)] }) },
    })
    const tags = images.flatMap(({ RepoTags }) => RepoTags ?? [])
    const own = tags.filter((tag) => tag.startsWith(`${imageRepository(config.cloud)}:`))
    for (const tag of own) await remove(client, `/images/${tag}`, { force: true })
    // refused while another cloud's sandboxes use it; one that has none at the moment loads it again
    await client.send('DELETE', `/images/${SANDBOX_IMAGE}`).catch((error: unknown) => {
      if (!isDockerError(error, 404, 409)) throw error
    })
    for (const id of await listGuestFolders(host)) await removeVolumes(host, id)
    await rm(config.folder, { recursive: true, force: true })
  } finally {
    client.close()
  }
}

async function remove(
  client: DockerClient,
  path: string,
  query: Record<string, boolean>,
): Promise<void> {
  await client.send('DELETE', path, { query }).catch((error: unknown) => {
    if (!isDockerError(error, 404)) throw error
  })
}
