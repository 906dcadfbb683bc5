import type { PublishedPortSpec } from '../../ports/network.ts'
import { familyOf } from './addresses.ts'
import { METADATA_ADDRESS } from './filters.ts'
import { BRIDGE, short, TRANSIT_END } from './names.ts'

/**
 * The rules of published ports, as text for nft; pure. A connection is translated twice: on the host from the published
 * address to the far end of the transit link, in the network's namespace from there to the guest. Which ports are published
 * stands in the rules alone: those of other ports are read from what nft lists and written back as they are.
 */
export interface Translation {
  readonly protocol: 'tcp' | 'udp'
  /** On the far end of the transit link. */
  readonly transitPort: number
  readonly hostAddress: string
  readonly hostPort: number
  readonly guest: string
  readonly guestPort: number
}

/** Chain `ports` of a listed table: its rules, whole lines. */
export function portRules(listed: string): string[] {
  const chain = /^\tchain ports \{\n([\s\S]*?)^\t\}/m.exec(listed)
  return (chain?.[1] ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

const mark = (portId: string): string => `comment "${short(portId)}"`

export const isOfPort = (rule: string, portId: string): boolean => rule.endsWith(mark(portId))

/** Short ids of the ports that have rules. */
export const ownersOf = (rules: readonly string[]): string[] =>
  rules.flatMap((rule) => /comment "([0-9a-f]{12})"$/.exec(rule)?.[1] ?? [])

/** Protocol and port on the far end that the namespace's rules translate. */
export const transitPortsOf = (
  rules: readonly string[],
): { readonly protocol: string; readonly port: number }[] =>
  rules.flatMap((rule) => {
    const found = /^(tcp|udp) dport (\d+) dnat/.exec(rule)
    return found === null ? [] : [{ protocol: found[1] ?? '', port: Number(found[2]) }]
  })

/** The published port's own number where it is free on the far end, else one that is. */
export function translationsOf(
  published: readonly PublishedPortSpec[],
  guest: string,
  others: readonly string[],
): Translation[] {
  const taken = new Set(transitPortsOf(others).map(({ protocol, port }) => `${protocol} ${port}`))
  return published.map(({ protocol, hostAddress, hostPort, port }) => {
    let transitPort = checkedPort(hostPort)
    while (taken.has(`${protocol} ${transitPort}`)) transitPort = (transitPort % 65_535) + 1
    taken.add(`${protocol} ${transitPort}`)
    return { protocol, transitPort, hostAddress, hostPort, guest, guestPort: checkedPort(port) }
  })
}

function checkedPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${port} is not a port`)
  return port
}

export const insideRules = (portId: string, list: readonly Translation[]): string[] =>
  list.map(
    ({ protocol, transitPort, guest, guestPort }) =>
      `${protocol} dport ${transitPort} dnat to ${guest}:${guestPort} ${mark(portId)}`,
  )

export const hostRules = (portId: string, list: readonly Translation[], far: string): string[] =>
  list.map(({ protocol, transitPort, hostAddress, hostPort }) => {
    if (familyOf(hostAddress) !== 4) throw new Error(`'${hostAddress}' is not an IPv4 address`)
    const where = hostAddress === '0.0.0.0' ? 'fib daddr type local' : `ip daddr ${hostAddress}`
    return `${where} ${protocol} dport ${hostPort} dnat to ${far}:${transitPort} ${mark(portId)}`
  })

export const INSIDE_TABLE = 'ip published'

/**
 * In the network's namespace. Forwarding is on there because of published ports alone, so this lets through what they
 * translated, and nothing else between the host and the network. Bridged frames pass the forward hook too and are left alone.
 */
export function insideTable(rules: readonly string[]): string {
  return replaced(
    INSIDE_TABLE,
    `
  chain ports {
    ${rules.join('\n    ')}
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    iifname "${TRANSIT_END}" jump ports
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "${BRIDGE}" ct status dnat snat to ${METADATA_ADDRESS}
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "${TRANSIT_END}" oifname "${BRIDGE}" ct status dnat accept
    oifname "${TRANSIT_END}" ct state established,related accept
    iifname "${TRANSIT_END}" drop
    oifname "${TRANSIT_END}" drop
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "${TRANSIT_END}" ct state established,related accept
    iifname "${TRANSIT_END}" drop
  }
`,
  )
}

/**
 * On the host. The link takes packets of the loopback network (a published port answers on 127.0.0.1 too), so nothing may
 * begin on it: only answers come in.
 */
export function transitTable(table: string, link: string, rules: readonly string[]): string {
  return replaced(
    `ip ${table}`,
    `
  chain ports {
    ${rules.join('\n    ')}
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    # what is published on the loopback network is for the host alone, whatever its neighbours write on their packets
    iifname != "${link}" ip daddr != 127.0.0.0/8 jump ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump ports
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "${link}" masquerade
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    oifname "${link}" ct status dnat accept
    iifname "${link}" ct state established,related accept
    iifname "${link}" drop
    oifname "${link}" drop
  }
  chain input {
    type filter hook input priority -10; policy accept;
    iifname "${link}" ct state established,related accept
    iifname "${link}" drop
  }
`,
  )
}

/** In one transaction, whether it was there or not. */
const replaced = (table: string, body: string): string =>
  `table ${table}\ndelete table ${table}\ntable ${table} {${body}}\n`
