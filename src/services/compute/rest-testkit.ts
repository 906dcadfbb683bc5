/** For tests of everything but servers: the routes of `rest.ts` over small stand-ins for the services to the left. */
import type { Db } from '../../kernel/db/db.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import { projectIdOf, startTestApp, type TestApp } from '../../kernel/testkit/test-app.ts'
import type { IdentityFace } from '../identity/face.ts'
import type { ImageFace, ImageInfo } from '../image/face.ts'
import type {
  FloatingIpInfo,
  NetworkFace,
  NetworkInfo,
  RuleInfo,
  SecurityGroupInfo,
} from '../network/face.ts'
import type { WorkloadFace } from '../workload/face.ts'
import type { ComputeDeps } from './deps.ts'
import { computeFault } from './fault.ts'
import { restBootstrap, restMigrations, restPolicies, restRoutes } from './rest.ts'
import { tablesOfServers } from './servers/migrations.ts'
import { computeMicroversions } from './versions.ts'

/** The one host of the cloud under test. */
export const HOST = 'yard-1'

/** The cloud under test with what it was wired to. */
export interface RestApp extends TestApp {
  readonly deps: ComputeDeps
}

/** On SQLite in memory, or on the database given. */
export async function startRestApp(db?: Db): Promise<RestApp> {
  const deps = standIns()
  const definition: ServiceDefinition = {
    name: 'compute',
    mount: '/compute',
    requestIdHeader: 'x-compute-request-id',
    microversions: computeMicroversions,
    routes: restRoutes(deps),
    policies: restPolicies,
    migrations: [...restMigrations, tablesOfServers],
    reconcilers: [
      {
        kind: 'compute.server',
        reconcile: async () => await Promise.resolve({ again: false as const }),
      },
    ],
    fault: computeFault,
  }
  const app = await startTestApp([definition], db)
  await restBootstrap(app.ctx(), deps)
  return { ...app, deps }
}

/** What a test does not use throws when it is called. */
function partly<T extends object>(methods: Partial<T>): T {
  return new Proxy(methods, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (() => {
        throw new Error(`the stand-in has no ${String(name)}`)
      }),
  }) as T // only the given methods are called
}

function standIns(): ComputeDeps {
  return {
    hostName: HOST,
    zone: 'nova',
    vendorData: {},
    identity: partly<IdentityFace>({
      findProject: async (_ctx, id) =>
        await Promise.resolve(
          /^[ade]0/.test(id) ? { id, name: id, domainId: 'default', enabled: true } : undefined,
        ),
    }),
    image: images(),
    network: network(),
    workload: partly<WorkloadFace>({
      findMany: async () => await Promise.resolve(new Map()),
      statesOf: async () => await Promise.resolve(new Map()),
      hostInfo: async () =>
        await Promise.resolve({
          hostname: HOST,
          vcpus: 4,
          memoryMiB: 8000,
          diskGiB: 100,
          diskFreeGiB: 60,
          engineVersion: '20.10.24',
          architecture: 'x86_64',
          os: 'Debian GNU/Linux 12 (bookworm)',
          osType: 'linux',
          kernelVersion: '6.1.0',
          runtimes: ['runc'],
          labels: {},
          uptimeSeconds: 93_784,
          kind: 'docker',
          hostName: HOST,
          usedVcpus: 1,
          usedMemoryMiB: 512,
          usedDiskGiB: 3,
          running: 2,
        }),
    }),
  }
}

const image: ImageInfo = {
  id: 'd0000000-0000-4000-8000-000000000001',
  name: 'busybox',
  status: 'active',
  visibility: 'public',
  projectId: projectIdOf('demo'),
  protected: false,
  containerFormat: 'docker',
  diskFormat: 'raw',
  minDiskGiB: 0,
  minRamMiB: 64,
  sizeBytes: 1024,
  key: 'sha256:0',
  properties: { os_distro: 'busybox' },
  tags: [],
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-02T00:00:00.000Z',
}
const snapshot: ImageInfo = {
  ...image,
  id: 'd0000000-0000-4000-8000-000000000002',
  name: 'snap',
  visibility: 'private',
  properties: { instance_uuid: 'd0000000-0000-4000-8000-00000000000a', image_type: 'snapshot' },
}

function images(): ImageFace {
  const all = new Map([image, snapshot].map((item) => [item.id, item]))
  return partly<ImageFace>({
    listImages: async () => await Promise.resolve([...all.values()]),
    findImage: async (_ctx, id) => await Promise.resolve(all.get(id)),
    deleteImage: async (_ctx, id) => await Promise.resolve(void all.delete(id)),
    setImageProperties: async (_ctx, id, change) => {
      const old = all.get(id)
      const kept = Object.entries({ ...old?.properties, ...change }).filter(
        (entry): entry is [string, string] => entry[1] !== null,
      )
      if (old !== undefined) all.set(id, { ...old, properties: Object.fromEntries(kept) })
      await Promise.resolve()
    },
  })
}

const group = (id: string, name: string): SecurityGroupInfo => ({
  id,
  name,
  description: '',
  projectId: projectIdOf('demo'),
  rules: [],
})
const networks = [
  ['private', false],
  ['public', true],
].map(([name, external], at): NetworkInfo => ({
  id: `aaaaaaaa-0000-4000-8000-00000000000${at}`,
  name: String(name),
  projectId: projectIdOf('demo'),
  shared: false,
  external: external === true,
  mtu: 1450,
  portSecurity: true,
  subnetIds: [],
  createdAt: '2026-01-01T00:00:00.000Z',
}))
const floatingIp: FloatingIpInfo = {
  id: 'ffffffff-0000-4000-8000-000000000001',
  address: '203.0.113.5',
  networkId: '',
  networkName: 'public',
  portId: null,
  fixedAddress: null,
  deviceId: null,
}

function network(): NetworkFace {
  return partly<NetworkFace>({
    ...securityGroups(),
    listNetworks: async () => await Promise.resolve(networks),
    findNetwork: async (_ctx, id) => await Promise.resolve(networks.find((item) => item.id === id)),
    listFloatingIps: async () => await Promise.resolve([floatingIp]),
    createFloatingIp: async (_ctx, pool) => {
      if (pool !== undefined && pool !== 'public')
        throw cloudError('notFound', 'Floating IP pool not found.')
      return await Promise.resolve(floatingIp)
    },
    deleteFloatingIp: async () => await Promise.resolve(),
  })
}

function securityGroups(): Partial<NetworkFace> {
  const groups = new Map(
    [
      ['99999999-0000-4000-8000-000000000001', 'default'],
      ['99999999-0000-4000-8000-000000000002', 'web'],
    ].map(([id = '', name = '']) => [id, group(id, name)]),
  )
  const resolve = (id: string): SecurityGroupInfo => {
    const found = groups.get(id)
    if (found === undefined) throw cloudError('notFound', `Security group ${id} not found.`)
    return found
  }
  return {
    listSecurityGroups: async () => await Promise.resolve([...groups.values()]),
    resolveSecurityGroup: async (_ctx, id) => await Promise.resolve(resolve(id)),
    createSecurityGroup: async (_ctx, wish) =>
      await Promise.resolve({
        ...group('99999999-0000-4000-8000-000000000003', wish.name),
        description: wish.description,
      }),
    updateSecurityGroup: async (_ctx, id, change) =>
      await Promise.resolve({ ...resolve(id), ...change }),
    deleteSecurityGroup: async (_ctx, id) => {
      if (resolve(id).name === 'default')
        throw cloudError('conflict', 'Insufficient rights for removing default security group.')
      await Promise.resolve()
    },
    createSecurityGroupRule: async (_ctx, wish) => {
      const rule: RuleInfo = { id: '88888888-0000-4000-8000-000000000001', ...wish }
      const old = resolve(wish.groupId)
      groups.set(old.id, { ...old, rules: [...old.rules, rule] })
      return await Promise.resolve(rule)
    },
    deleteSecurityGroupRule: async () => await Promise.resolve(),
  }
}
