import { invalidInput } from '../fault.ts'
import type { OptionMap } from './payloads.ts'

/** The keys that people write behind `-o`, `--ipam-opt` and `--driver-opt`. Pure. */

/** By id or by name: either key is taken, the id wins. */
const references = {
  network: ['neutron.net.uuid', 'neutron.net.name'],
  subnet: ['neutron.subnet.uuid', 'neutron.subnet.name'],
  subnetV6: ['neutron.subnet.v6.uuid', 'neutron.subnet.v6.name'],
  pool: ['neutron.pool.uuid', 'neutron.pool.name'],
  poolV6: ['neutron.pool.v6.uuid', 'neutron.pool.v6.name'],
  project: ['stackyard.project'],
  router: ['stackyard.router'],
} as const

type Reference = keyof typeof references

export type NetworkOptions = { readonly [Key in Reference]?: string } & {
  readonly shared?: boolean
  readonly mtu?: number
  readonly internal?: boolean
}

const GENERIC = 'com.docker.network.generic'

/** Docker puts the user's own options of a network below one key; those of its addresses come as they are. */
export function networkOptions(sent: OptionMap): NetworkOptions {
  const own = mapAt(sent, GENERIC)
  const all: OptionMap = { ...sent, ...own }
  refuseUnknown(all)
  const found: Partial<Record<Reference, string>> = {}
  for (const name of Object.keys(references) as Reference[]) {
    const value = textOf(all, references[name])
    if (value !== undefined) found[name] = value
  }
  const mtu = textOf(all, ['com.docker.network.driver.mtu'])
  const shared = textOf(all, ['neutron.net.shared'])
  return {
    ...found,
    ...(shared === undefined ? {} : { shared: flagOf('neutron.net.shared', shared) }),
    ...(mtu === undefined ? {} : { mtu: wholeOf('com.docker.network.driver.mtu', mtu) }),
    ...(all['com.docker.network.internal'] === true ? { internal: true } : {}),
  }
}

/** A mistyped word would otherwise make a new network where an existing one was meant. */
function refuseUnknown(all: OptionMap): void {
  const known = new Set<string>([...Object.values(references).flat(), 'neutron.net.shared'])
  const unknown = Object.keys(all).find(
    (key) => /^(neutron|stackyard)\./.test(key) && !known.has(key),
  )
  if (unknown !== undefined)
    throw invalidInput(
      `there is no option ${unknown.slice(0, 80)}; known: ${[...known].join(', ')}.`,
    )
}

/** What is said twice must be the same; what is said once counts for both. */
export function merged(one: NetworkOptions, other: NetworkOptions): NetworkOptions {
  for (const name of Object.keys(references) as Reference[]) {
    const [a, b] = [one[name], other[name]]
    if (a !== undefined && b !== undefined && a !== b)
      throw invalidInput(
        `${references[name].join(' or ')} is '${a}' in -o and '${b}' in --ipam-opt.`,
      )
  }
  return { ...other, ...one }
}

export interface EndpointOptions {
  readonly port?: string
  /** Names or ids. */
  readonly groups?: readonly string[]
  readonly floatingIp?: string
  readonly qos?: string
  readonly dns?: string
}

const endpointKeys = [
  'port_id',
  'neutron.port.uuid',
  'stackyard.sg',
  'stackyard.floatingip',
  'stackyard.qos',
  'stackyard.dns',
] as const

export function endpointOptions(sent: OptionMap): EndpointOptions {
  const all: OptionMap = { ...sent, ...mapAt(sent, GENERIC) }
  const unknown = Object.keys(all).find(
    (key) => /^(neutron|stackyard)\./.test(key) && !endpointKeys.some((known) => known === key),
  )
  if (unknown !== undefined)
    throw invalidInput(
      `there is no option ${unknown.slice(0, 80)}; known: ${endpointKeys.join(', ')}.`,
    )
  const port = textOf(all, ['port_id', 'neutron.port.uuid'])
  const groups = textOf(all, ['stackyard.sg'])
  const floatingIp = textOf(all, ['stackyard.floatingip'])
  const qos = textOf(all, ['stackyard.qos'])
  const dns = textOf(all, ['stackyard.dns'])
  return {
    ...(port === undefined ? {} : { port }),
    ...(groups === undefined ? {} : { groups: words(groups) }),
    ...(floatingIp === undefined ? {} : { floatingIp }),
    ...(qos === undefined ? {} : { qos }),
    ...(dns === undefined ? {} : { dns }),
  }
}

const words = (list: string): string[] => list.split(/[\s,]+/).filter((word) => word !== '')

export interface ExposedPort {
  /** IANA number. */
  readonly proto: number
  readonly port: number
}

export interface PortBinding extends ExposedPort {
  readonly hostAddress: string
  readonly hostPort: number
  readonly hostPortEnd: number
}

export const exposedPorts = (sent: OptionMap): readonly ExposedPort[] =>
  listAt(sent, 'com.docker.network.endpoint.exposedports').map((item) => ({
    proto: numberAt(item, 'Proto'),
    port: numberAt(item, 'Port'),
  }))

export const portBindings = (sent: OptionMap): readonly PortBinding[] =>
  listAt(sent, 'com.docker.network.portmap').map((item) => ({
    proto: numberAt(item, 'Proto'),
    port: numberAt(item, 'Port'),
    hostAddress: typeof item['HostIP'] === 'string' ? item['HostIP'] : '',
    hostPort: numberAt(item, 'HostPort'),
    hostPortEnd: numberAt(item, 'HostPortEnd'),
  }))

const isMap = (value: unknown): value is OptionMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mapAt = (map: OptionMap, key: string): OptionMap => {
  const value = map[key]
  return isMap(value) ? value : {}
}

const listAt = (map: OptionMap, key: string): readonly OptionMap[] => {
  const value = map[key]
  return Array.isArray(value) ? value.filter(isMap) : []
}

const numberAt = (map: OptionMap, key: string): number => {
  const value = map[key]
  return typeof value === 'number' ? value : 0
}

function textOf(map: OptionMap, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = map[key]
    if (value === undefined || value === null || value === '') continue
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    throw invalidInput(`${key} must be a word.`)
  }
  return undefined
}

function flagOf(key: string, text: string): boolean {
  if (/^(true|1|yes)$/i.test(text)) return true
  if (/^(false|0|no)$/i.test(text)) return false
  throw invalidInput(`${key} must be true or false, not '${text.slice(0, 40)}'.`)
}

function wholeOf(key: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw invalidInput(`${key} must be a whole number, not '${text.slice(0, 40)}'.`)
}
