import { randomBytes } from 'node:crypto'
import { canonicalIp, parseIp } from '../addressing/address.ts'
import { formatCidr, parseCidr } from '../addressing/cidr.ts'
import { invalidInput, invalidValue, neutronError } from '../fault.ts'
import type { DhcpOption, NewPortWish, Pair } from './schema.ts'

/** What a port's attributes must obey. No database here. */

/** Neutron's default prefix; whoever sees such a MAC knows that it was made up. */
export function newMac(): string {
  return [
    'fa',
    '16',
    '3e',
    ...[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')),
  ].join(':')
}

/** Pairs in canonical spelling; without a MAC the port's own is meant. */
export function pairsOf(asked: NewPortWish['allowed_address_pairs'], mac: string): Pair[] {
  const pairs = (asked ?? []).map((pair) => {
    const cidr = parseCidr(pair.ip_address)
    if (cidr === undefined)
      throw invalidValue(
        'allowed_address_pairs',
        `'${pair.ip_address}' is not a valid IP address or subnet.`,
      )
    const address =
      parseIp(pair.ip_address) === undefined
        ? formatCidr(cidr)
        : (canonicalIp(pair.ip_address) ?? pair.ip_address)
    return { ip_address: address, mac_address: (pair.mac_address ?? mac).toLowerCase() }
  })
  const texts = pairs.map(({ ip_address, mac_address }) => `${ip_address} ${mac_address}`)
  const twice = texts.find((text, at) => texts.indexOf(text) !== at)
  if (twice !== undefined)
    throw neutronError(
      'badRequest',
      'DuplicateAddressPairInRequest',
      `Request contains duplicate address pair: ${twice}.`,
    )
  return pairs
}

/** The options a port has after a request: an option named again is replaced, one with a null value goes. */
export function mergedOptions(
  had: readonly DhcpOption[],
  asked: NewPortWish['extra_dhcp_opts'],
): DhcpOption[] {
  const sent = (asked ?? []).map((option) => ({
    ...option,
    ip_version: Number(option.ip_version ?? 4) === 6 ? (6 as const) : (4 as const),
  }))
  const keyOf = (option: { opt_name: string; ip_version: number }): string =>
    `${option.opt_name} ${option.ip_version}`
  const keys = sent.map(keyOf)
  if (new Set(keys).size < keys.length)
    throw invalidValue('extra_dhcp_opts', 'an option is in it twice.')
  const kept = had.filter((option) => !keys.includes(keyOf(option)))
  return [
    ...kept,
    ...sent.flatMap(({ opt_name, opt_value, ip_version }) =>
      opt_value === null ? [] : [{ opt_name, opt_value, ip_version }],
    ),
  ]
}

export function checkFixedIpCount(count: number): void {
  if (count > 5) throw invalidInput('Exceeded maximum amount of fixed ips per port.')
}

/** Unicast, and not all zeros: anything else could not be a port's own. */
export function macOf(asked: string): string {
  const mac = asked.toLowerCase()
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || mac === '00:00:00:00:00:00')
    throw invalidValue('mac_address', `'${asked}' is not a unicast MAC address.`)
  return mac
}

/** Filters need a guarded port: the same rules at creation and change. */
export function checkSecurity(
  port: {
    readonly security: boolean
    readonly groups: readonly string[]
    readonly pairs: readonly Pair[]
  },
  groupsAsked: boolean,
): void {
  if (port.security) return
  if (port.groups.length > 0) {
    throw groupsAsked
      ? neutronError(
          'badRequest',
          'PortSecurityAndIPRequiredForSecurityGroups',
          'Port security must be enabled and port must have an IP address in order to use security groups.',
        )
      : neutronError(
          'conflict',
          'PortSecurityPortHasSecurityGroup',
          'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
        )
  }
  if (port.pairs.length > 0)
    throw neutronError(
      'conflict',
      'AddressPairAndPortSecurityRequired',
      'Port Security must be enabled in order to have allowed address pairs on a port.',
    )
}
