import type { Config } from './kernel/config/config.ts'
import type { DataFolder } from './kernel/config/data-folder.ts'
import type { ServiceDefinition } from './kernel/http/service.ts'
import type { Engines } from './engines.ts'
import { openSecrets } from './kernel/secrets/secrets.ts'
import { createCompute } from './services/compute/index.ts'
import type { BuildEngine } from './services/container/builds/deps.ts'
import { createContainerService } from './services/container/index.ts'
import { createIdentity } from './services/identity/index.ts'
import { createImage } from './services/image/index.ts'
import type { DockerNetworks } from './services/network/docker-plugin/deps.ts'
import { createNetwork } from './services/network/index.ts'
import { createWorkload } from './services/workload/index.ts'

/** What the catalog lists. Versions stand in a URL only where clients append none (see docs/decisions/004). */
const catalog = [
  { type: 'identity', name: 'keystone', path: '/identity' },
  { type: 'image', name: 'glance', path: '/image' },
  { type: 'network', name: 'neutron', path: '/network' },
  { type: 'compute', name: 'nova', path: '/compute/v2.1' },
  { type: 'container', name: 'zun', path: '/container/v1' },
] as const

export type Services = ReturnType<typeof createServices>

/** Every service with the faces of those to its left: the only place where they meet. */
// oxlint-disable-next-line explicit-function-return-type -- the type is what is made here, named `Services`
export function createServices(
  config: Config,
  folder: DataFolder,
  engines: Engines,
  forwarders: readonly string[],
) {
  const { hostName } = config
  const { region, tokenHours } = config.identity
  const identity = createIdentity({ region, tokenHours, keyFolder: folder.file('keys'), catalog })
  const image = createImage({ store: engines.images, region })
  const network = createNetwork({
    port: engines.network,
    identity: identity.face,
    host: hostName,
    forwarders,
    docker: dockerNetworks(config, engines),
    ...config.network,
  })
  const faces = { identity: identity.face, image: image.face, network: network.face }
  const workload = createWorkload({ ...faces, compute: engines.compute, hostName })
  const home = { workload: workload.face, hostName, zone: 'nova' } as const
  const compute = createCompute({ ...faces, ...home, ...config.compute })
  const container = createContainerService({
    ...faces,
    ...home,
    ...config.container,
    compute: compute.face,
    builds: buildEngine(config, engines),
    secrets: openSecrets(folder.file('keys/container')),
  })
  const all = [identity, image, network, workload, compute, container] as const
  const definitions: readonly ServiceDefinition[] = all.map(({ definition }) => definition)
  return { identity, image, network, workload, compute, container, definitions }
}

function dockerNetworks(config: Config, { dockerPlugin }: Engines): DockerNetworks | undefined {
  return dockerPlugin && { plugin: dockerPlugin, project: config.docker.project }
}

function buildEngine(config: Config, engines: Engines): BuildEngine {
  return {
    builder: engines.compute,
    contexts: engines.contexts,
    limitMs: config.builds.minutes * 60_000,
    maxContextBytes: config.builds.contextMiB * 1024 ** 2,
  }
}
