import type { Route } from '../../subnets/schema.ts'

/** What the container's side is to be set up with. */
export interface JoinFacts extends NetworkFacts {
  readonly link: string
  /** Destinations that the container has a route to by another network; a second one is an error to Docker. */
  readonly known: readonly string[]
}

export interface NetworkFacts {
  readonly internal: boolean
  /** Of the addresses that Docker knows, in order; a port may have more. */
  readonly subnets: readonly {
    readonly version: 4 | 6
    readonly gateway: string | null
    readonly routes: readonly Route[]
  }[]
}

interface StaticRoute {
  readonly Destination: string
  /** 0: through a next hop; 1: everybody in it is on the link. */
  readonly RouteType: 0 | 1
  readonly NextHop?: string
}

/** Resolver and metadata of every network answer here, on the link itself. */
const SERVICES = '169.254.169.254/32'

const isDefault = ({ destination }: Route): boolean => /^(0\.0\.0\.0|::)\/0$/.test(destination)
const isOnLink = ({ nexthop }: Route): boolean => nexthop === '0.0.0.0' || nexthop === '::'

/**
 * The answer to Join; pure. Without a gateway the Docker Engine would add a second interface of its own that leads around the
 * tenant's network, hence `DisableGatewayService`.
 */
export function joinAnswer(facts: JoinFacts): Readonly<Record<string, unknown>> {
  const gateway = (version: 4 | 6): string | undefined =>
    facts.internal ? undefined : gatewayOf(facts, version)
  const [four, six] = [gateway(4), gateway(6)]
  return {
    InterfaceName: { SrcName: facts.link, DstPrefix: 'eth' },
    ...(four === undefined ? {} : { Gateway: four }),
    ...(six === undefined ? {} : { GatewayIPv6: six }),
    StaticRoutes: staticRoutes(facts).filter(
      ({ Destination }) => !facts.known.includes(Destination),
    ),
    DisableGatewayService: true,
  }
}

function gatewayOf({ subnets }: NetworkFacts, version: 4 | 6): string | undefined {
  const own = subnets.filter((subnet) => subnet.version === version)
  const route = own
    .flatMap(({ routes }) => routes)
    .find((each) => isDefault(each) && !isOnLink(each))
  return route?.nexthop ?? own.find((subnet) => subnet.gateway !== null)?.gateway ?? undefined
}

/** Resolver and metadata first, then the subnets' own routes. */
export function staticRoutes({ subnets, internal }: NetworkFacts): StaticRoute[] {
  const services: StaticRoute[] = subnets.some(({ version }) => version === 4)
    ? [{ Destination: SERVICES, RouteType: 1 }]
    : []
  const own = subnets.flatMap(({ routes }) => routes).filter((each) => !isDefault(each))
  return [
    ...services,
    ...own
      .filter((each) => isOnLink(each) || !internal)
      .filter(({ destination }) => destination !== SERVICES)
      .map(({ destination, nexthop }): StaticRoute =>
        isOnLink({ destination, nexthop })
          ? { Destination: destination, RouteType: 1 }
          : { Destination: destination, RouteType: 0, NextHop: nexthop },
      ),
  ]
}
