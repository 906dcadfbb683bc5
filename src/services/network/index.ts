import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Route } from '../../kernel/http/route.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import type { NetworkPort } from '../../ports/network.ts'
import type { IdentityFace } from '../identity/face.ts'
import { addressGroupsFeature } from './address-groups/index.ts'
import { addressScopesFeature } from './address-scopes/index.ts'
import { agentsFeature } from './agents/index.ts'
import { allowedPairsFeature } from './allowed-pairs/index.ts'
import { floatingIpAnswers } from './answers/floating-ips.ts'
import { networkAnswers } from './answers/networks.ts'
import { portAnswers } from './answers/ports.ts'
import { groupAnswers } from './answers/security-groups.ts'
import { autoAllocatedTopology } from './auto-allocated-topology/index.ts'
import { partsOf } from './auto-allocated-topology/topology.ts'
import { bootstrapNetworks, type BootstrapSettings } from './bootstrap.ts'
import { conntrackHelpersFeature } from './conntrack-helpers/index.ts'
import { dataPlaneStatusFeature } from './data-plane-status/index.ts'
import type { DockerNetworks } from './docker-plugin/deps.ts'
import { dockerPluginFeature, servePlugin } from './docker-plugin/index.ts'
import { Neutron } from './docker-plugin/neutron.ts'
import { dnsFeature } from './dns/index.ts'
import { coreExtensions } from './extensions/known.ts'
import { extensionPolicies, extensionRoutes } from './extensions/routes.ts'
import type { NetworkFace } from './face.ts'
import { networkFault } from './fault.ts'
import { flavorsFeature } from './flavors/index.ts'
import { floatingIpPoolsFeature } from './floating-ip-pools/index.ts'
import { floatingIpResource } from './floating-ips/routes.ts'
import { Guests } from './guests/services.ts'
import { availabilityPolicies, availabilityRoutes } from './ip-availabilities/routes.ts'
import { meteringFeature } from './metering/index.ts'
import { networkMigrations } from './migrations/001-network.ts'
import { ndpProxiesFeature } from './ndp-proxies/index.ts'
import { networkResource } from './networks/routes.ts'
import { portForwardingsFeature } from './port-forwardings/index.ts'
import { portResource } from './ports/routes.ts'
import { publishedPorts } from './published-ports/index.ts'
import { publishPorts } from './published-ports/publish.ts'
import { qosFeature } from './qos/index.ts'
import { quotaPolicies, quotaRoutes } from './quotas/routes.ts'
import { rbacResource, wildcardRules } from './rbac-policies/routes.ts'
import { extraRouteRoutes } from './routers/extra-routes.ts'
import { gatewayRules } from './routers/gateway.ts'
import { interfaceRoutes } from './routers/interfaces.ts'
import { routerResource } from './routers/routes.ts'
import { groupResource, ruleResource } from './security-groups/routes.ts'
import { statefulFeature } from './security-groups/stateful.ts'
import { extended } from './standard/addition.ts'
import type { Feature } from './standard/feature.ts'
import type { Resource } from './standard/resource.ts'
import { resourcePolicies, resourceRoutes } from './standard/routes.ts'
import { onboardRoutes } from './subnetpools/onboard.ts'
import { prefixRoutes } from './subnetpools/prefixes.ts'
import { subnetPoolResource } from './subnetpools/routes.ts'
import { subnetResource } from './subnets/routes.ts'
import { trunksFeature } from './trunks/index.ts'
import { reallyPlugged } from './wiring/plugged.ts'
import { reconcilers } from './wiring/reconcilers.ts'
import { Wiring } from './wiring/wiring.ts'
import { versionRoutes } from './versions/routes.ts'

export interface NetworkDeps {
  readonly port: NetworkPort
  readonly identity: IdentityFace
  /** Name of the host that networks and routers live on. */
  readonly host: string
  /** Largest MTU of a network. */
  readonly mtu: number
  /** Name servers of the world, which the networks' own resolvers ask; none: guests get no other names than their network's. */
  readonly forwarders: readonly string[]
  /** Domain of networks that have none of their own, e.g. `openstacklocal`. */
  readonly dnsDomain: string
  /** How often the host is compared with what is wanted; default 60. */
  readonly sweepSeconds?: number
  /** None: `docker network create -d` does not find us. */
  readonly docker?: DockerNetworks | undefined
}

export interface NetworkService {
  readonly definition: ServiceDefinition
  readonly face: NetworkFace
  bootstrap(ctx: Ctx, settings: BootstrapSettings): Promise<void>
  /** Docker's own calls are answered from now on, if there is a door for them. */
  serveDocker(ctx: () => Ctx): Promise<void>
}

/**
 * network (Neutron v2.0): networks, subnets, ports, routers, floating IPs, security groups and what belongs to them. Owns the
 * tables net_*; asks the network port for packets. A resource is one declaration (`standard/`), its folder holds what is
 * particular to it; `wiring/` makes the rows true, `answers/` is what services to the right may ask.
 */
export function createNetwork(deps: NetworkDeps): NetworkService {
  const guests = new Guests({ cloudDomain: deps.dnsDomain, forwarders: deps.forwarders })
  const wiring = new Wiring(deps.port, guests, deps.sweepSeconds)
  const neutron = new Neutron((singular) => findResource(resources, singular))
  const { identity, host, port: engine } = deps
  const docker = deps.docker && { ...deps.docker, neutron, wiring, engine, identity, host }
  const features = [...featuresOf(deps), dockerPluginFeature(docker)]
  for (const feature of features) wiring.extend(feature)
  const resources = resourcesOf(deps, features)
  const home = { host, mtu: deps.mtu }
  return {
    definition: definitionOf(wiring, resources, features),
    face: createFace(deps, wiring, guests, resources),
    bootstrap: async (ctx, settings) => await bootstrapNetworks(ctx, home, settings),
    serveDocker: async (ctx) => {
      if (docker !== undefined) await servePlugin(docker, ctx)
    },
  }
}

function definitionOf(
  wiring: Wiring,
  resources: readonly Resource[],
  features: readonly Feature[],
): ServiceDefinition {
  return {
    name: 'network',
    mount: '/network',
    policies: Object.assign(
      policiesOf(resources),
      ...features.map((feature) => feature.policies ?? {}),
    ) as Record<string, string>, // all of them are name → rule
    migrations: [...networkMigrations, ...features.flatMap((feature) => feature.migrations ?? [])],
    reconcilers: [
      ...reconcilers(wiring),
      ...features.flatMap((feature) => feature.reconcilers ?? []),
    ],
    measures: (registry, ctx) => {
      for (const feature of features) feature.measures?.(registry, ctx)
    },
    fault: networkFault,
    routes: routesOf(resources, features),
  }
}

function routesOf(resources: readonly Resource[], features: readonly Feature[]): readonly Route[] {
  const find = (singular: string): Resource => findResource(resources, singular)
  const extensions = features.flatMap((feature) => feature.extensions ?? [])
  return [
    ...versionRoutes(resources),
    ...resources.flatMap(resourceRoutes),
    ...features.flatMap((feature) => feature.routes ?? []),
    ...features.flatMap((feature) => feature.routesOn?.(find) ?? []),
    ...prefixRoutes(),
    ...onboardRoutes(),
    ...interfaceRoutes(),
    ...extraRouteRoutes(find('router')),
    ...quotaRoutes(),
    ...extensionRoutes([...coreExtensions, ...extensions]),
    ...availabilityRoutes(),
  ]
}

function findResource(resources: readonly Resource[], singular: string): Resource {
  const resource = resources.find((candidate) => candidate.singular === singular)
  if (resource === undefined) throw new Error(`no resource is called ${singular}`)
  return resource
}

function resourcesOf(deps: NetworkDeps, features: readonly Feature[]): readonly Resource[] {
  const additions = features.flatMap((feature) => feature.additions ?? [])
  return [
    ...coreResources(deps).map((kind) => extended(kind, additions)),
    ...features.flatMap((feature) => feature.resources ?? []),
  ]
}

function coreResources(deps: NetworkDeps): readonly Resource[] {
  return [
    networkResource(deps),
    subnetResource(),
    portResource(),
    routerResource(deps.host),
    floatingIpResource(),
    groupResource(deps.identity),
    ruleResource(deps.identity),
    subnetPoolResource(),
    rbacResource(),
  ]
}

/** What stands on networks, ports and routers; each in its own folder. */
function featuresOf(deps: NetworkDeps): readonly Feature[] {
  return [
    addressGroupsFeature(),
    addressScopesFeature(),
    agentsFeature(deps.host),
    allowedPairsFeature(),
    autoAllocatedTopology(),
    conntrackHelpersFeature(),
    dataPlaneStatusFeature(),
    dnsFeature(deps.dnsDomain),
    flavorsFeature(),
    floatingIpPoolsFeature(),
    meteringFeature(deps.port),
    ndpProxiesFeature(),
    portForwardingsFeature(),
    publishedPorts(),
    qosFeature(),
    statefulFeature(),
    trunksFeature(),
  ]
}

function createFace(
  deps: NetworkDeps,
  wiring: Wiring,
  guests: Guests,
  resources: readonly Resource[],
): NetworkFace {
  const find = (singular: string): Resource => findResource(resources, singular)
  return {
    ...networkAnswers(partsOf(find)),
    ...portAnswers(deps),
    ...groupAnswers(),
    ...floatingIpAnswers(),
    plugPort: async (ctx, id, place) => await wiring.plug(ctx, id, place),
    unplugPort: async (ctx, id) => await wiring.unplug(ctx, id),
    pluggedPorts: async (ctx, ids) => await reallyPlugged(ctx, wiring, ids),
    publishPorts: async (ctx, id, wishes) => await publishPorts(ctx, deps.port, id, wishes),
    onMetadata: (accept) => guests.onMetadata(accept),
  }
}

function policiesOf(resources: readonly Resource[]): Record<string, string> {
  const gateway = ['create', 'update'].flatMap((verb) =>
    gatewayRules.map((part) => [
      `network:${verb}_router:external_gateway_info:${part}`,
      'rule:admin',
    ]),
  )
  const interfaces = ['add', 'remove'].map((verb) => [
    `network:${verb}_router_interface`,
    'rule:project-member',
  ])
  return Object.assign(
    {},
    ...resources.map(resourcePolicies),
    Object.fromEntries([...gateway, ...interfaces]),
    wildcardRules,
    quotaPolicies,
    extensionPolicies,
    availabilityPolicies,
  ) as Record<string, string> // all of them are name → rule
}
