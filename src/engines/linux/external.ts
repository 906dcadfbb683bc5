import { readdir, readFile, writeFile } from 'node:fs/promises'
import { run, tryRun } from '../../kernel/exec/run.ts'
import type { ExternalSpec } from '../../ports/network.ts'
import { canonical, checkedMtu, familyOf, overlaps, quietLink, rangeOf } from './addresses.ts'
import { closeHostFirewall, hostFirewallDrift, openHostFirewall } from './host-firewall.ts'
import { linkFacts, type LinkFact } from './link-facts.ts'
import { EXT_BRIDGE, EXT_HOST_END, LINK_GROUP, steadyMac, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { removeWithLinks } from './network.ts'

/**
 * An external network: a namespace with a bridge that routers hang their gateways on, and one link to the host, which has
 * the gateways' addresses. The bridge is not in the host's own namespace, because there Docker's rules would be applied to it.
 */
export class Externals {
  readonly #namespaces: Namespaces
  readonly #names: Names
  readonly #mtus = new Map<string, number>()

  constructor(namespaces: Namespaces, names: Names) {
    this.#namespaces = namespaces
    this.#names = names
  }

  /** Answers whether its bridge was made: nothing is on a new one. */
  async ensure(spec: ExternalSpec): Promise<boolean> {
    const host = linkFacts(await this.#hostLinks())
    this.#refuseOverlap(spec, host)
    await this.#namespaces.add(this.#names.external(spec.networkId), spec.networkId)
    const anew = await this.#ensureBridge(spec)
    const own = host.find((link) => link.ifname === this.#names.hostLink(spec.networkId))
    await this.#ensureHostLink(spec, own)
    for (const family of familiesOf(spec)) await forwardOnHost(family)
    await openHostFirewall(this.#names, spec)
    this.#mtus.set(spec.networkId, spec.mtu)
    return anew
  }

  async remove(networkId: string): Promise<void> {
    const link = this.#names.hostLink(networkId)
    this.#mtus.delete(networkId)
    const gone = await tryRun('ip', ['link', 'del', 'dev', link])
    if (gone.code !== 0 && !gone.stderr.includes('Cannot find device')) {
      throw new Error(`ip link del ${link} said: ${gone.stderr.trim()}`)
    }
    await removeWithLinks(this.#namespaces, this.#names.external(networkId))
    await closeHostFirewall(this.#names, networkId)
  }

  /** What differs from the wish. */
  async inspect(spec: ExternalSpec): Promise<readonly string[]> {
    const netns = this.#names.external(spec.networkId)
    if (this.#namespaces.inode(netns) === undefined) return ['its namespace is gone']
    const name = this.#names.hostLink(spec.networkId)
    const [host, there] = await Promise.all([
      this.#hostLinks(),
      this.#namespaces.show(netns, ['link', 'show']),
    ])
    const links = linkFacts(there)
    const bridge = links.find(({ ifname }) => ifname === EXT_BRIDGE)
    const far = links.find(({ ifname }) => ifname === EXT_HOST_END)
    return [
      ...hostLinkDrift(
        spec,
        name,
        linkFacts(host).find(({ ifname }) => ifname === name),
        far,
      ),
      ...(bridge?.up === true && bridge.mtu === spec.mtu ? [] : ['its bridge is not as wanted']),
      ...(far?.master === EXT_BRIDGE ? [] : [`the far end of ${name} is not on the bridge`]),
      ...(await hostFirewallDrift(this.#names, spec)),
    ]
  }

  async mtu(networkId: string): Promise<number> {
    const known = this.#mtus.get(networkId)
    if (known !== undefined) return known
    const netns = this.#names.external(networkId)
    if (this.#namespaces.inode(netns) === undefined) {
      throw new Error(`external network ${networkId} is not on this host`)
    }
    const [bridge] = linkFacts(
      await this.#namespaces.show(netns, ['link', 'show', 'dev', EXT_BRIDGE]),
    )
    return bridge?.mtu ?? 1500
  }

  async #hostLinks(): Promise<readonly unknown[]> {
    const list: unknown = JSON.parse(await run('ip', ['-j', 'addr', 'show']))
    return Array.isArray(list) ? list : []
  }

  /** A host has one route per CIDR: a second network with the same one would cut off the first. */
  #refuseOverlap(spec: ExternalSpec, host: readonly LinkFact[]): void {
    const own = this.#names.hostLink(spec.networkId)
    for (const { cidr } of spec.subnets) {
      for (const link of host.filter(({ ifname }) => ifname !== own)) {
        const clash = link.addresses.find((each) => overlaps(rangeOf(each), rangeOf(cidr)))
        if (clash !== undefined) {
          throw new Error(
            `external network ${cidr} overlaps with ${clash} on the host's ${link.ifname}`,
          )
        }
      }
    }
  }

  async #ensureBridge(spec: ExternalSpec): Promise<boolean> {
    return await this.#namespaces.ipMaking(
      this.#names.external(spec.networkId),
      [
        `link add ${EXT_BRIDGE} address ${steadyMac(spec.networkId)} type bridge mcast_snooping 0`,
        ...quietLink(EXT_BRIDGE, spec.mtu, 'up'),
      ],
      /File exists/,
    )
  }

  async #ensureHostLink(spec: ExternalSpec, own: LinkFact | undefined): Promise<void> {
    const netns = this.#names.external(spec.networkId)
    const link = this.#names.hostLink(spec.networkId)
    const [far] = linkFacts(
      await this.#namespaces.show(netns, ['link', 'show', 'dev', EXT_HOST_END]),
    )
    const paired = own !== undefined && far !== undefined && far.peerIndex === own.ifindex
    if (own !== undefined && !paired) await tryRun('ip', ['link', 'del', 'dev', link])
    if (!paired) {
      const end = `name ${EXT_HOST_END} netns ${netns} group ${LINK_GROUP}`
      await run('ip', ['link', 'add', 'dev', link, 'type', 'veth', 'peer', ...end.split(' ')])
    }
    // Some hosts have IPv6 switched off for every new link.
    if (familiesOf(spec).includes(6)) await tellHost(`net/ipv6/conf/${link}/disable_ipv6`, '0')
    const had = paired ? own.addresses : []
    const wanted = hostAddresses(spec)
    const lines = [
      `link set dev ${link} mtu ${checkedMtu(spec.mtu)} up`,
      ...had.filter((each) => !wanted.includes(each)).map((each) => `addr del ${each} dev ${link}`),
      ...wanted
        .filter((each) => !had.includes(each))
        .map((each) => `addr add ${each} dev ${link} ${each.includes(':') ? 'nodad' : 'brd +'}`),
    ]
    await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
    const more = `group ${LINK_GROUP} master ${EXT_BRIDGE} up`
    await this.#namespaces.ip(netns, quietLink(EXT_HOST_END, spec.mtu, more))
  }
}

function hostLinkDrift(
  spec: ExternalSpec,
  name: string,
  link: LinkFact | undefined,
  far: LinkFact | undefined,
): string[] {
  if (link === undefined || far?.peerIndex !== link.ifindex)
    return [`the host's link ${name} is gone`]
  const wanted = hostAddresses(spec)
  return [
    ...(link.speaks ? [] : [`the host's link ${name} is down`]),
    ...(link.mtu === spec.mtu ? [] : [`the MTU of ${name} is ${link.mtu}`]),
    ...wanted
      .filter((each) => !link.addresses.includes(each))
      .map((each) => `the address ${each} is not on ${name}`),
    ...link.addresses
      .filter((each) => !wanted.includes(each))
      .map((each) => `the address ${each} on ${name} is not wanted`),
  ]
}

/** The gateways of all subnets, with the prefix lengths of these. */
const hostAddresses = (spec: ExternalSpec): string[] =>
  spec.subnets.map(({ cidr, gateway }) => `${canonical(gateway)}/${cidr.split('/')[1] ?? ''}`)

const familiesOf = (spec: ExternalSpec): readonly (4 | 6)[] => [
  ...new Set(spec.subnets.map(({ gateway }) => familyOf(gateway))),
]

/** Without it the host passes nothing on; Docker switches it on as well. */
export async function forwardOnHost(family: 4 | 6): Promise<void> {
  const setting = family === 4 ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding'
  if ((await hostSetting(setting)) === '1') return
  if (family === 6) await keepRouterAdvertisements()
  await tellHost(setting, '1')
}

/** A host that forwards IPv6 no longer listens to router advertisements, which may be where it has its own address from. */
async function keepRouterAdvertisements(): Promise<void> {
  for (const link of await readdir('/proc/sys/net/ipv6/conf')) {
    const setting = `net/ipv6/conf/${link}/accept_ra`
    if ((await hostSetting(setting)) === '1') await tellHost(setting, '2')
  }
}

const hostSetting = async (name: string): Promise<string> =>
  (await readFile(`/proc/sys/${name}`, 'utf8')).trim()

const tellHost = async (name: string, value: string): Promise<void> =>
  await writeFile(`/proc/sys/${name}`, `${value}\n`)
