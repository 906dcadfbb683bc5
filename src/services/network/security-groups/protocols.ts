import type { RuleTable } from '../tables.ts'

/** Names a rule may use for IANA's protocol numbers. */
const numbers: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  hopopt: 0,
  icmp: 1,
  icmpv6: 58,
  igmp: 2,
  ip: 0,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
}

/** Protocols that only IPv6 knows. */
const onlyV6 = new Set([41, 43, 44, 58, 59, 60])
const withPorts = new Set([6, 17, 33, 132, 136])
const withTypes = new Set([1, 58])

/** The protocol's number; undefined when there is no such protocol. */
export function protocolNumber(protocol: string): number | undefined {
  if (/^\d{1,3}$/.test(protocol)) return Number(protocol) <= 255 ? Number(protocol) : undefined
  return numbers[protocol]
}

/** The number a rule matches: `icmp` in an IPv6 rule means ICMPv6. Undefined: any protocol. */
export function matchedNumber(rule: Pick<RuleTable, 'protocol' | 'ethertype'>): number | undefined {
  if (rule.protocol === null) return undefined
  const number = protocolNumber(rule.protocol)
  return number === 1 && rule.ethertype === 'IPv6' ? 58 : number
}

export const isOnlyV6 = (number: number): boolean => onlyV6.has(number)
export const hasPorts = (number: number): boolean => withPorts.has(number)
/** Its port range means ICMP type and code. */
export const hasTypes = (number: number): boolean => withTypes.has(number)
