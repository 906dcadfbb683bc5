import type { Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'

/** What the Docker Engine was given, and what of it was there before. */

/** A `PoolID`: a prefix that Docker takes addresses from. It belongs to a Docker network as soon as one is made of it. */
export interface PoolTable {
  /** The id of the call that asked for it, so that the same call never makes a second one. */
  id: string
  project_id: string
  version: 4 | 6
  cidr: string
  /** Addresses that nobody asked for by name come from this part. */
  sub_range: string | null
  /** JSON: NetworkOptions */
  options: string
  /** The subnet pool that its prefix comes from. */
  pool_id: string | null
  made_pool: number
  subnet_id: string | null
  made_subnet: number
  docker_network: string | null
  /** 1: Docker keeps these addresses itself and has never heard of the pool. */
  nameless: number
  /** JSON: Added[] */
  added: string
  missing_since: string | null
  created_at: string
}

export interface DockerNetworkTable {
  id: string
  project_id: string
  network_id: string
  made: number
  internal: number
  /** The router that its subnets were joined to. */
  router_id: string | null
  /** JSON: Added[] */
  added: string
  /** 1: the engine that we ask knows it, so its absence there means something. */
  seen: number
  missing_since: string | null
  created_at: string
}

export interface AddressTable {
  /** Pool and address. */
  id: string
  pool_id: string
  address: string
  kind: 'gateway' | 'aux' | 'guest'
  port_id: string | null
  /** 1: the port was made for it. */
  made: number
  /** 1: asked for by name. */
  asked: number
  call_id: string
  missing_since: string | null
}

export interface EndpointTable {
  id: string
  docker_network: string
  port_id: string
  made: number
  /** JSON: PortBefore of a port that was there before; `null` otherwise. */
  port_before: string
  /** The container's sandbox, as long as it has joined. */
  sandbox: string | null
  exposed_group: string | null
  /** JSON: Extras */
  extras: string
  missing_since: string | null
  created_at: string
}

export interface DockerTables {
  net_docker_pools: PoolTable
  net_docker_networks: DockerNetworkTable
  net_docker_addresses: AddressTable
  net_docker_endpoints: EndpointTable
}

export const db = (ctx: Ctx): Kysely<DockerTables> => tables<DockerTables>(ctx)
