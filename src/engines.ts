import type { Config } from './kernel/config/config.ts'
import type { DataFolder } from './kernel/config/data-folder.ts'
import type { Logger } from './kernel/log/log.ts'
import type { ContainerEngine } from './ports/container-engine.ts'
import type { DockerPluginPort } from './ports/docker-plugin.ts'
import type { ImageStore } from './ports/image-store.ts'
import type { NetworkPort } from './ports/network.ts'

/** The world as the cloud sees it: one thing behind each port. */
export interface Engines {
  readonly compute: ContainerEngine
  readonly network: NetworkPort
  readonly images: ImageStore
  /** Files sent for builds, until these are over. */
  readonly contexts: ImageStore
  /** The door for Docker's own networks; undefined when it is switched off. */
  readonly dockerPlugin?: DockerPluginPort | undefined
}

/** Only what is used is loaded. */
export async function openEngines(
  config: Config,
  folder: DataFolder,
  log: Logger,
): Promise<Engines> {
  if (config.engines.kind === 'fake') {
    const { createFakeCompute, createFakeImageStore, createFakeNetwork } =
      await import('./engines/fake/index.ts')
    return {
      compute: createFakeCompute(),
      network: createFakeNetwork(),
      images: createFakeImageStore(),
      contexts: createFakeImageStore(),
    }
  }
  const [{ createDockerCompute }, { createLinuxNetwork }, { createFileImageStore }] =
    await Promise.all([
      import('./engines/docker/index.ts'),
      import('./engines/linux/index.ts'),
      import('./engines/files/image-store.ts'),
    ])
  const { cloud } = folder
  return {
    compute: createDockerCompute({
      socket: config.engines.dockerSocket,
      cloud,
      folder: folder.file('workloads'),
      poolSize: config.engines.sandboxPool,
      log,
    }),
    network: createLinuxNetwork({ cloud, log, data: folder.path }),
    images: createFileImageStore({ folder: folder.file('images') }),
    contexts: createFileImageStore({ folder: folder.file('builds') }),
    dockerPlugin: await openDockerPlugin(config, folder, log),
  }
}

async function openDockerPlugin(
  config: Config,
  folder: DataFolder,
  log: Logger,
): Promise<DockerPluginPort | undefined> {
  const name = config.docker.networkDriver
  if (name === '') return undefined
  const { createDockerPlugin, DOCKER_PLUGINS } = await import('./engines/docker-plugin/index.ts')
  return createDockerPlugin({
    folder: folder.file('docker-plugin'),
    plugins: DOCKER_PLUGINS,
    name,
    dockerSocket: config.engines.dockerSocket,
    log,
  })
}
