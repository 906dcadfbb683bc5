/**
 * What the door answers by itself. Everything here is true of any cloud at any time, so the Docker Engine starts at full
 * speed whether a cloud runs or not.
 */

export type Answer = Readonly<Record<string, unknown>>

const fixed: Readonly<Record<string, Answer>> = {
  'Plugin.Activate': { Implements: ['NetworkDriver', 'IpamDriver'] },
  'NetworkDriver.GetCapabilities': {
    Scope: 'local',
    ConnectivityScope: 'local',
    GwAllocChecker: true,
  },
  'NetworkDriver.DiscoverNew': {},
  'NetworkDriver.DiscoverDelete': {},
  'NetworkDriver.FreeNetwork': {},
  // a port has a MAC of its own, told in the answer to CreateEndpoint
  'IpamDriver.GetCapabilities': { RequiresMACAddress: false, RequiresRequestReplay: false },
  'IpamDriver.GetDefaultAddressSpaces': {
    LocalDefaultAddressSpace: 'stackyard_local',
    GlobalDefaultAddressSpace: 'stackyard_global',
  },
}

export function ownAnswer(method: string, payload: unknown): Answer | undefined {
  if (method === 'NetworkDriver.AllocateNetwork') return { Options: optionsOf(payload) }
  // an internal network has no way out, so Docker need not set an address aside for one
  if (method === 'NetworkDriver.GwAllocCheck') {
    const internal = optionsOf(payload)['com.docker.network.internal'] === true
    return { SkipIPv4: internal, SkipIPv6: internal }
  }
  return Object.hasOwn(fixed, method) ? fixed[method] : undefined
}

function optionsOf(payload: unknown): Readonly<Record<string, unknown>> {
  const options =
    typeof payload === 'object' && payload !== null && 'Options' in payload
      ? payload.Options
      : undefined
  return typeof options === 'object' && options !== null ? { ...options } : {}
}

/**
 * Calls that only end something. While the cloud is away they are accepted and written down: refusing would leave a container
 * that cannot be stopped, and the cloud does them as well later as now.
 */
const endings: ReadonlySet<string> = new Set([
  'NetworkDriver.RevokeExternalConnectivity',
  'NetworkDriver.Leave',
  'NetworkDriver.DeleteEndpoint',
  'IpamDriver.ReleaseAddress',
])

/** What ends a whole network. It can wait for the cloud, unless the cloud never comes back. */
const lasts: ReadonlySet<string> = new Set([
  ...endings,
  'NetworkDriver.DeleteNetwork',
  'IpamDriver.ReleasePool',
])

export const isLast = (method: string): boolean => lasts.has(method) || isIdle(method)

export const isEnding = (method: string): boolean => endings.has(method)

/** Only looks, and may be answered with nothing. */
export const isIdle = (method: string): boolean => method === 'NetworkDriver.EndpointOperInfo'
