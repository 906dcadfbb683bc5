import { canonical } from '../addresses.ts'
import { addressBytes, macText, uint } from './dhcp-values.ts'

/** DHCPv6 on the wire (RFC 8415), as far as a server of known guests needs it. Pure. */
export const dhcpv6 = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  informationRequest: 11,
} as const

export const option = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddr: 5,
  preference: 7,
  statusCode: 13,
  rapidCommit: 14,
  iaPd: 25,
} as const

export const status = {
  success: 0,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  noPrefixAvail: 6,
} as const

export type Option = readonly [code: number, value: Buffer]

/** IA_NA (addresses), IA_TA (temporary ones) or IA_PD (prefixes): what the client wants to have something in. */
export interface IdentityAssociation {
  readonly code: number
  readonly iaid: Buffer
  /** Those it names, wishes or holds; in canonical spelling. */
  readonly addresses: readonly string[]
}

export interface Dhcpv6Request {
  readonly type: number
  readonly transactionId: Buffer
  readonly clientId: Buffer | undefined
  readonly serverId: Buffer | undefined
  readonly rapidCommit: boolean
  readonly associations: readonly IdentityAssociation[]
}

const FIXED_BYTES = 4
/** Before the options of an IA: its IAID, T1 and T2; a temporary one has no times. */
const iaBytes = new Map<number, number>([
  [option.iaNa, 12],
  [option.iaTa, 4],
  [option.iaPd, 12],
])
const IA_ADDRESS_BYTES = 24
const DUID_BYTES = { least: 3, most: 130 } as const

/** Undefined for what is malformed, in any part that is looked at. Never throws. */
export function readDhcpv6(message: Buffer): Dhcpv6Request | undefined {
  const options = readOptions(message, FIXED_BYTES)
  if (options === undefined) return undefined
  const valueOf = (wanted: number): Buffer | undefined =>
    options.find(([code]) => code === wanted)?.[1]
  const [clientId, serverId] = [valueOf(option.clientId), valueOf(option.serverId)]
  const associations = options.filter(([code]) => iaBytes.has(code)).map(readAssociation)
  const whole = associations.filter((each) => each !== undefined)
  if (![clientId, serverId].every(isDuid) || whole.length < associations.length) return undefined
  return {
    type: message.readUInt8(0),
    transactionId: message.subarray(1, FIXED_BYTES),
    clientId,
    serverId,
    rapidCommit: valueOf(option.rapidCommit) !== undefined,
    associations: whole,
  }
}

const isDuid = (value: Buffer | undefined): boolean =>
  value === undefined || (value.length >= DUID_BYTES.least && value.length <= DUID_BYTES.most)

/** Undefined when a length does not add up. */
export function readOptions(bytes: Buffer, from: number): Option[] | undefined {
  const found: Option[] = []
  let at = from
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt16BE(at + 2)
    if (end > bytes.length) return undefined
    found.push([bytes.readUInt16BE(at), bytes.subarray(at + 4, end)])
    at = end
  }
  return at === bytes.length ? found : undefined
}

function readAssociation([code, value]: Option): IdentityAssociation | undefined {
  const options = readOptions(value, iaBytes.get(code) ?? 0)
  const addresses = options?.filter(([each]) => each === option.iaAddr).map(([, each]) => each)
  if (addresses?.every(({ length }) => length >= IA_ADDRESS_BYTES) !== true) return undefined
  return { code, iaid: value.subarray(0, 4), addresses: addresses.map(addressIn) }
}

const addressIn = (value: Buffer): string =>
  canonical(
    Array.from({ length: 8 }, (_word, at) => value.readUInt16BE(2 * at).toString(16)).join(':'),
  )

export function writeDhcpv6(
  type: number,
  transactionId: Buffer,
  options: readonly Option[],
): Buffer {
  return Buffer.concat([Buffer.of(type), transactionId, writeOptions(options)])
}

export const writeOptions = (options: readonly Option[]): Buffer =>
  Buffer.concat(options.flatMap(([code, value]) => [uint(code, 2), uint(value.length, 2), value]))

/** Times by the recommendation of RFC 8415, section 21.4: half and four fifths of the lifetime. */
export function iaOption(
  { code, iaid }: IdentityAssociation,
  seconds: number,
  inside: readonly Option[],
): Option {
  const times = [uint(Math.floor(seconds * 0.5), 4), uint(Math.floor(seconds * 0.8), 4)]
  return [code, Buffer.concat([iaid, ...(code === option.iaTa ? [] : times), writeOptions(inside)])]
}

/** For no seconds at all it is taken away. */
export const iaAddress = (address: string, seconds: number): Option => [
  option.iaAddr,
  Buffer.concat([addressBytes(address), uint(seconds, 4), uint(seconds, 4)]),
]

export const statusCode = (code: number, message: string): Option => [
  option.statusCode,
  Buffer.concat([uint(code, 2), Buffer.from(message)]),
]

const ETHERNET = 1
const DUID_LLT = 1
const DUID_LL = 3

/** Of an identifier made from a MAC (RFC 8415, sections 11.2 and 11.4); undefined for others. */
export function macOfDuid(duid: Buffer): string | undefined {
  if (duid.length < 4 || duid.readUInt16BE(2) !== ETHERNET) return undefined
  const at = { [DUID_LLT]: 8, [DUID_LL]: 4 }[duid.readUInt16BE(0)]
  return at === undefined || duid.length !== at + 6 ? undefined : macText(duid.subarray(at))
}

export const duidOfMac = (mac: string): Buffer =>
  Buffer.concat([uint(DUID_LL, 2), uint(ETHERNET, 2), Buffer.from(mac.replaceAll(':', ''), 'hex')])
