/** Names of this service's reconcilers, as nudges give them. */
export const kinds = {
  network: 'network.network',
  external: 'network.external',
  router: 'network.router',
  port: 'network.port',
  group: 'network.security-group',
  endpoint: 'network.docker-endpoint',
} as const

/** What runs, to the right of this service: a nudge makes it see to its ports. */
export const WORKLOAD = 'workload'

/** The one zone there is; networks and routers live in it. */
export const ZONE = 'nova'

/** Device owner of the ports of containers that the Docker Engine itself runs; the device is its endpoint. */
export const DOCKER_OWNER = 'compute:kuryr'
