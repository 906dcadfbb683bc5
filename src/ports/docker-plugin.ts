/**
 * The door through which the Docker Engine asks for networks (libnetwork's remote drivers for networks and addresses). The
 * engine keeps it open: it answers what needs no cloud, hands everything else to the handler, and goes on answering while the
 * cloud is away. What ended meanwhile (containers stopped, addresses given back) was accepted then and reaches the handler
 * when it serves again, in the order in which it happened; so every call may come late, and twice.
 */
export interface DockerPluginPort {
  readonly kind: string

  /**
   * Opens the door, or takes over the one that is open already, and hands every call to the handler from now on. With
   * `outlives` it stays open when this process ends, else it may close with it.
   */
  serve(handler: PluginHandler, outlives: boolean): Promise<void>
  /** From now on the door stays open when this process ends: Docker has a network of ours, and would wait for it. */
  outlive(): Promise<void>
  /** Is the door open, and if not, why? */
  state(): Promise<PluginState>
  /** What the Docker Engine knows of the driver's networks now; undefined while it does not answer. */
  look(): Promise<PluginView | undefined>
  /** Of these sandboxes (as named in Join) those that exist. */
  sandboxes(keys: readonly string[]): Promise<readonly string[]>
  /** Name that Docker would give to the next interface of this sandbox, e.g. `eth1`. */
  freeInterface(key: string): Promise<string>
  /** Calls go nowhere from now on; the door stays open. */
  close(): Promise<void>
}

/**
 * Answers one call. An error's message reaches the user of `docker`. `call` is the call's own id: when it comes twice, the door
 * did not hear the first answer, and the second one must be the same.
 */
export type PluginHandler = (
  method: PluginMethod,
  payload: unknown,
  call: string,
) => Promise<PluginAnswer>

export type PluginAnswer = Readonly<Record<string, unknown>>

/** The calls that need the cloud; libnetwork's own names. */
export const pluginMethods = [
  'IpamDriver.RequestPool',
  'IpamDriver.ReleasePool',
  'IpamDriver.RequestAddress',
  'IpamDriver.ReleaseAddress',
  'NetworkDriver.CreateNetwork',
  'NetworkDriver.DeleteNetwork',
  'NetworkDriver.CreateEndpoint',
  'NetworkDriver.DeleteEndpoint',
  'NetworkDriver.EndpointOperInfo',
  'NetworkDriver.Join',
  'NetworkDriver.Leave',
  'NetworkDriver.ProgramExternalConnectivity',
  'NetworkDriver.RevokeExternalConnectivity',
] as const
export type PluginMethod = (typeof pluginMethods)[number]

export interface PluginState {
  readonly open: boolean
  /** For people. */
  readonly detail: string
}

export interface PluginView {
  readonly networks: readonly {
    readonly id: string
    /** Endpoints of running containers. */
    readonly endpoints: readonly string[]
  }[]
}
