import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Method, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'

/** A token is needed all the same: who has none learns nothing. */
export const gonePolicies: Readonly<Record<string, string>> = {
  'stackyard:compute:gone': '@',
  'os_compute_api:os-console-auth-tokens:show': 'rule:admin',
}

/** What Nova itself has removed and still names, with 410: its own networks, cells, certificates, agents. */
const removed: readonly (readonly [path: string, ...methods: Method[]])[] = [
  ['os-agents', 'GET', 'POST'],
  ['os-agents/:id', 'PUT', 'DELETE'],
  ['os-baremetal-nodes', 'GET', 'POST'],
  ['os-baremetal-nodes/:id', 'GET', 'DELETE'],
  ['os-baremetal-nodes/:id/action', 'POST'],
  ['os-cells', 'GET', 'POST'],
  ['os-cells/capacities', 'GET'],
  ['os-cells/detail', 'GET'],
  ['os-cells/info', 'GET'],
  ['os-cells/sync_instances', 'POST'],
  ['os-cells/:id', 'GET', 'PUT', 'DELETE'],
  ['os-cells/:id/capacities', 'GET'],
  ['os-certificates', 'POST'],
  ['os-certificates/:id', 'GET'],
  ['os-cloudpipe', 'GET', 'POST'],
  ['os-cloudpipe/:id', 'PUT'],
  ['os-fixed-ips/:id', 'GET'],
  ['os-fixed-ips/:id/action', 'POST'],
  ['os-floating-ip-dns', 'GET'],
  ['os-floating-ip-dns/:id', 'PUT', 'DELETE'],
  ['os-floating-ip-dns/:id/entries/:name', 'GET', 'PUT', 'DELETE'],
  ['os-floating-ips-bulk', 'GET', 'POST'],
  ['os-floating-ips-bulk/:id', 'GET', 'PUT'],
  ['os-fping', 'GET'],
  ['os-fping/:id', 'GET'],
  ['os-networks', 'POST'],
  ['os-networks/add', 'POST'],
  ['os-networks/:id', 'DELETE'],
  ['os-networks/:id/action', 'POST'],
  ['os-tenant-networks', 'POST'],
  ['os-tenant-networks/:id', 'DELETE'],
  ['os-security-group-default-rules', 'GET', 'POST'],
  ['os-security-group-default-rules/:id', 'GET', 'DELETE'],
]

/** Windows on block storage that Nova had until 2.35. */
const volumes: readonly (readonly [path: string, ...methods: Method[]])[] = [
  ['os-volumes', 'GET', 'POST'],
  ['os-volumes/detail', 'GET'],
  ['os-volumes/:id', 'GET', 'DELETE'],
  ['os-snapshots', 'GET', 'POST'],
  ['os-snapshots/detail', 'GET'],
  ['os-snapshots/:id', 'GET', 'DELETE'],
  ['os-assisted-volume-snapshots', 'POST'],
  ['os-assisted-volume-snapshots/:id', 'DELETE'],
]

/** Collections of which one is deleted by id: an empty id is nobody's, not a wrong method. */
const emptyIds = [
  'flavors',
  'images',
  'os-security-groups',
  'os-floating-ips',
  'os-keypairs',
  'os-server-groups',
  'os-aggregates',
] as const

/** Paths that old clients still ask for, each refused with its reason. */
export function goneRoutes(_deps: ComputeDeps): readonly Route[] {
  const policy = 'stackyard:compute:gone'
  const refuse = (list: typeof removed, error: () => Error): readonly Route[] =>
    list.flatMap(([path, ...methods]) =>
      methods.map((method) =>
        route({
          method,
          path: `/v2.1/${path}`,
          policy,
          summary: 'Refused with a reason',
          handle: async () => await Promise.reject(error()),
        }),
      ),
    )
  return [
    ...refuse(removed, () => cloudError('gone', 'This was removed from the compute API.')),
    ...refuse(volumes, () =>
      cloudError(
        'notFound',
        'This compute service has no window on block storage: ask the block-storage service itself.',
      ),
    ),
    ...refuse(
      emptyIds.map((path) => [path, 'DELETE'] as const),
      () => cloudError('notFound', 'The resource could not be found: its id is missing.'),
    ),
    route({
      method: 'GET',
      path: '/v2.1/os-console-auth-tokens/:token',
      policy: 'os_compute_api:os-console-auth-tokens:show',
      summary: 'Look up a console token',
      // consoles are refused, so no token was ever given out
      handle: async () => await Promise.reject(cloudError('notFound', 'Token not found.')),
    }),
  ]
}
