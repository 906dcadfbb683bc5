import { parseIp } from '../addressing/address.ts'
import { formatCidr, parseCidr } from '../addressing/cidr.ts'
import { invalidValue, neutronError } from '../fault.ts'
import { hasPorts, hasTypes, isOnlyV6, protocolNumber } from './protocols.ts'
import type { NewRuleWish, RuleContent } from './schema.ts'

/** Turns a wished rule into what is stored; pure. Everything here throws Neutron's 400 under Neutron's name. */
export function planRule(wish: NewRuleWish): RuleContent {
  const ethertype = ethertypeOf(wish.ethertype ?? 'IPv4')
  const protocol = protocolOf(wish.protocol ?? null, ethertype)
  const port = { min: portOf(wish.port_range_min), max: portOf(wish.port_range_max) }
  checkRange(protocol, port.min, port.max)
  const remoteCidr =
    wish.remote_ip_prefix === undefined ||
    wish.remote_ip_prefix === null ||
    wish.remote_ip_prefix === ''
      ? null
      : prefixOf(wish.remote_ip_prefix, ethertype)
  const remoteGroup = wish.remote_group_id ?? null
  if (remoteCidr !== null && remoteGroup !== null) {
    throw neutronError(
      'badRequest',
      'SecurityGroupRemoteGroupAndRemoteIpPrefix',
      'Only remote_ip_prefix or remote_group_id may be provided.',
    )
  }
  const remoteAddresses = wish.remote_address_group_id ?? null
  if (remoteAddresses !== null && (remoteCidr !== null || remoteGroup !== null)) {
    throw neutronError(
      'badRequest',
      'SecurityGroupMultipleRemoteEntites', // spelt so by Neutron
      'Only one of remote_ip_prefix, remote_group_id or remote_address_group_id may be provided.',
    )
  }
  return {
    direction: wish.direction,
    ethertype,
    protocol,
    port_min: port.min,
    port_max: port.max,
    remote_cidr: remoteCidr,
    remote_group: remoteGroup,
    remote_addresses: remoteAddresses,
  }
}

function ethertypeOf(text: string): 'IPv4' | 'IPv6' {
  const lower = text.toLowerCase()
  if (lower === 'ipv4') return 'IPv4'
  if (lower === 'ipv6') return 'IPv6'
  throw neutronError(
    'badRequest',
    'SecurityGroupRuleInvalidEtherType',
    `Security group rule for ethertype '${text}' not supported. Allowed values are IPv4, IPv6.`,
  )
}

function protocolOf(sent: string | number | null, ethertype: 'IPv4' | 'IPv6'): string | null {
  const text = sent === null ? '' : String(sent).toLowerCase()
  if (text === '' || text === 'any') return null
  const number = protocolNumber(text)
  if (number === undefined) {
    throw neutronError(
      'badRequest',
      'SecurityGroupRuleInvalidProtocol',
      `Security group rule protocol ${text} not supported. Only protocol names and numbers from 0 to 255 are.`,
    )
  }
  if (ethertype === 'IPv4' && isOnlyV6(number)) {
    throw neutronError(
      'badRequest',
      'SecurityGroupEthertypeConflictWithProtocol',
      `Invalid ethertype IPv4 for protocol ${text}.`,
    )
  }
  if (ethertype === 'IPv6' && (text === 'icmp' || text === 'icmpv6')) return 'ipv6-icmp'
  return text
}

function portOf(sent: number | string | null | undefined): number | null {
  return sent === undefined || sent === null ? null : Number(sent)
}

function checkRange(protocol: string | null, min: number | null, max: number | null): void {
  const number = protocol === null ? undefined : protocolNumber(protocol)
  if (min === null && max === null) return
  if (number === undefined)
    throw neutronError(
      'badRequest',
      'SecurityGroupProtocolRequiredWithPorts',
      'Must also specify protocol if port range is given.',
    )
  if (hasTypes(number)) return checkTypes(min, max)
  if (!hasPorts(number)) {
    throw neutronError(
      'badRequest',
      'SecurityGroupInvalidProtocolForPort',
      `Invalid protocol ${protocol} for port range, only supported for tcp, udp, sctp, dccp and udplite.`,
    )
  }
  const bad = [min, max].find((port) => port !== null && (port < 1 || port > 65535))
  if (bad !== undefined)
    throw neutronError(
      'badRequest',
      'SecurityGroupInvalidPortValue',
      `Invalid value for port ${bad}`,
    )
  if (min === null || max === null || min > max)
    throw neutronError(
      'badRequest',
      'SecurityGroupInvalidPortRange',
      'For TCP/UDP protocols, port_range_min must be <= port_range_max',
    )
}

function checkTypes(type: number | null, code: number | null): void {
  for (const [field, attribute, value] of [
    ['ICMP type', 'port_range_min', type],
    ['ICMP code', 'port_range_max', code],
  ] as const) {
    if (value !== null && (value < 0 || value > 255)) {
      throw neutronError(
        'badRequest',
        'SecurityGroupInvalidIcmpValue',
        `Invalid value for ${field} (${attribute}) ${value}. It must be 0 to 255.`,
      )
    }
  }
  if (type === null)
    throw neutronError(
      'badRequest',
      'SecurityGroupMissingIcmpType',
      `ICMP code (port-range-max) ${code} is provided but ICMP type (port-range-min) is missing.`,
    )
}

function prefixOf(text: string, ethertype: 'IPv4' | 'IPv6'): string {
  const cidr = parseCidr(text)
  if (cidr === undefined)
    throw invalidValue('remote_ip_prefix', `'${text}' is not a valid IP address or prefix.`)
  if ((cidr.base.version === 4) !== (ethertype === 'IPv4')) {
    throw neutronError(
      'badRequest',
      'SecurityGroupRuleParameterConflict',
      `Conflicting value ethertype ${ethertype} for CIDR ${text}`,
    )
  }
  return parseIp(text) === undefined ? text : formatCidr(cidr)
}

/** The prefix without host bits. */
export function normalizedCidr(text: string | null): string | null {
  const cidr = text === null ? undefined : parseCidr(text)
  return cidr === undefined ? null : formatCidr(cidr)
}

/** Do two rules say the same? Another spelling of the protocol or of the prefix makes no difference. */
export function sameRule(a: RuleContent, b: RuleContent): boolean {
  const key = (rule: RuleContent): string =>
    JSON.stringify([
      rule.direction,
      rule.ethertype,
      rule.protocol === null ? null : protocolNumber(rule.protocol),
      rule.port_min,
      rule.port_max,
      normalizedCidr(rule.remote_cidr),
      rule.remote_group,
      rule.remote_addresses,
    ])
  return key(a) === key(b)
}
