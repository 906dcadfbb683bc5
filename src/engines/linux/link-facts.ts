/** What `ip -j` says, read into small closed shapes; whatever it leaves out stays undefined. */
export interface LinkFact {
  readonly ifname: string
  readonly ifindex: number
  /** ifindex of the other end of a veth, or of what a VLAN lies on, in the namespace where that is. */
  readonly peerIndex: number | undefined
  /** Name of that, told instead when it is in the same namespace. */
  readonly lower?: string | undefined
  readonly mac: string | undefined
  readonly mtu: number
  /** Switched on. */
  readonly up: boolean
  /** Switched on at both ends, and the kernel has taken notice. */
  readonly speaks: boolean
  readonly master: string | undefined
  readonly qdisc?: string | undefined
  /** Id of a VLAN; told only when asked with `-d`. */
  readonly vlan?: number | undefined
  readonly alias: string | undefined
  /** `address/prefix`, without link-local ones. */
  readonly addresses: readonly string[]
}

export interface RouteFact {
  readonly destination: string
  readonly via: string | undefined
  readonly dev: string | undefined
  /** Made by the kernel itself for an address. */
  readonly byKernel: boolean
  /** Undefined: the main one. */
  readonly table?: string | undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const count = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : undefined

export function linkFacts(list: readonly unknown[]): LinkFact[] {
  return list.flatMap((item) => {
    // `ip -j addr show` prints an empty object for every link its filter left out
    if (!isRecord(item) || typeof item['ifname'] !== 'string') return []
    const flags: unknown = item['flags']
    const addresses: unknown = item['addr_info']
    return {
      ifname: item['ifname'],
      ifindex: count(item['ifindex']) ?? 0,
      peerIndex: count(item['link_index']),
      lower: text(item['link']),
      mac: text(item['address']),
      mtu: count(item['mtu']) ?? 0,
      up: Array.isArray(flags) && flags.includes('UP'),
      speaks: item['operstate'] === 'UP',
      master: text(item['master']),
      vlan: vlanOf(item['linkinfo']),
      alias: text(item['ifalias']),
      qdisc: text(item['qdisc']),
      addresses: Array.isArray(addresses) ? addresses.flatMap(addressFact) : [],
    }
  })
}

function vlanOf(info: unknown): number | undefined {
  if (!isRecord(info) || info['info_kind'] !== 'vlan') return undefined
  const data: unknown = info['info_data']
  return isRecord(data) ? count(data['id']) : undefined
}

function addressFact(item: unknown): string[] {
  if (!isRecord(item) || item['scope'] === 'link') return []
  return typeof item['local'] === 'string' ? [`${item['local']}/${String(item['prefixlen'])}`] : []
}

export function routeFacts(list: readonly unknown[]): RouteFact[] {
  return list.flatMap((item) => {
    if (!isRecord(item) || typeof item['dst'] !== 'string') return []
    return {
      destination: item['dst'],
      via: text(item['gateway']),
      dev: text(item['dev']),
      byKernel: item['protocol'] === 'kernel',
      table: text(item['table']),
    }
  })
}
