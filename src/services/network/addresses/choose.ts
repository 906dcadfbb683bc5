import { eui64, formatIp, parseIp } from '../addressing/address.ts'
import { contains, hostRange, parseCidr } from '../addressing/cidr.ts'
import { badRequest, invalidInput, neutronError } from '../fault.ts'
import { isAuto } from '../subnets/schema.ts'
import type { SubnetTable } from '../tables.ts'

/** One address a client asks for. */
export interface FixedIpWish {
  readonly subnet_id?: string
  readonly ip_address?: string
}

/** What is to be allocated: an address by name, or the next free one of the first subnet that has one. */
export type Choice =
  | { readonly kind: 'this'; readonly subnet: SubnetTable; readonly address: string }
  | { readonly kind: 'next'; readonly subnets: readonly SubnetTable[] }

export interface Chooser {
  readonly networkId: string
  readonly subnets: readonly SubnetTable[]
  readonly mac: string
  readonly deviceOwner: string
}

export const isRouterOwner = (owner: string): boolean =>
  owner === 'network:router_interface' || owner === 'network:router_gateway'

/**
 * Which addresses a port gets; pure. Without a wish: one IPv4 and one managed IPv6 address, as far as the network has such
 * subnets. In subnets with automatic addresses every host has the one that its MAC gives, wished for or not.
 */
export function choose(of: Chooser, wishes: readonly FixedIpWish[] | undefined): readonly Choice[] {
  const usable = of.subnets.filter((subnet) => fitsService(subnet, of.deviceOwner))
  const chosen = wishes === undefined ? unasked(usable) : wishes.map((wish) => asked(of, wish))
  const router = isRouterOwner(of.deviceOwner)
  const named = new Set(
    chosen.flatMap((choice) => (choice.kind === 'this' ? [choice.subnet.id] : [])),
  )
  const automatic = router ? [] : usable.filter((subnet) => isAuto(subnet) && !named.has(subnet.id))
  const choices = [
    ...chosen,
    ...automatic.map(
      (subnet) => ({ kind: 'this', subnet, address: autoAddress(subnet, of.mac) }) as const,
    ),
  ]
  const addresses = choices.flatMap((choice) => (choice.kind === 'this' ? [choice.address] : []))
  if (new Set(addresses).size < addresses.length)
    throw badRequest('An IP address is in fixed_ips twice.')
  return choices
}

function unasked(usable: readonly SubnetTable[]): Choice[] {
  const managed = usable.filter((subnet) => !isAuto(subnet))
  return ([4, 6] as const)
    .map((version) => managed.filter((subnet) => subnet.version === version))
    .filter((subnets) => subnets.length > 0)
    .map((subnets) => ({ kind: 'next', subnets }))
}

function asked(of: Chooser, wish: FixedIpWish): Choice {
  const address = wish.ip_address === undefined ? undefined : parseIp(wish.ip_address)
  const subnet = subnetFor(of, wish)
  const auto = isAuto(subnet) && !isRouterOwner(of.deviceOwner)
  if (address === undefined) {
    return isAuto(subnet) && !isRouterOwner(of.deviceOwner)
      ? { kind: 'this', subnet, address: autoAddress(subnet, of.mac) }
      : { kind: 'next', subnets: [subnet] }
  }
  const text = formatIp(address)
  if (auto && text !== autoAddress(subnet, of.mac)) {
    throw neutronError(
      'badRequest',
      'AllocationOnAutoAddressSubnet',
      `IPv6 address ${text} cannot be directly assigned to a port on subnet ${subnet.id} as the subnet is configured for automatic addresses`,
    )
  }
  const cidr = parseCidr(subnet.cidr)
  if (
    cidr === undefined ||
    !contains(cidr, address) ||
    address.value < hostRange(cidr).first ||
    address.value > hostRange(cidr).last
  ) {
    throw neutronError(
      'badRequest',
      'InvalidIpForSubnet',
      `IP address ${text} is not a valid IP for the specified subnet.`,
    )
  }
  return { kind: 'this', subnet, address: text }
}

function subnetFor(of: Chooser, wish: FixedIpWish): SubnetTable {
  if (wish.subnet_id !== undefined) {
    const subnet = of.subnets.find(({ id }) => id === wish.subnet_id)
    if (subnet !== undefined) return subnet
    throw invalidInput(
      `Failed to create port on network ${of.networkId}, because fixed_ips included invalid subnet ${wish.subnet_id}`,
    )
  }
  if (wish.ip_address === undefined)
    throw badRequest('IP allocation requires subnet_id or ip_address.')
  const ip = parseIp(wish.ip_address)
  const subnet = of.subnets.find(({ cidr }) => {
    const prefix = parseCidr(cidr)
    return prefix !== undefined && ip !== undefined && contains(prefix, ip)
  })
  if (subnet !== undefined) return subnet
  throw neutronError(
    'badRequest',
    'InvalidIpForNetwork',
    `IP address ${wish.ip_address} is not a valid IP for any of the subnets on the specified network.`,
  )
}

/** A subnet with service types serves only ports of these owners. */
function fitsService(subnet: SubnetTable, owner: string): boolean {
  if (subnet.service_types === '[]') return true
  const types = JSON.parse(subnet.service_types) as string[] // written by our own store
  return types.some((type) => owner.startsWith(type))
}

export function autoAddress(subnet: SubnetTable, mac: string): string {
  const cidr = parseCidr(subnet.cidr)
  if (cidr === undefined) throw new Error(`subnet ${subnet.id} has no CIDR`)
  return formatIp(eui64(cidr.base, mac))
}
