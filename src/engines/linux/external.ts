import { readFile, writeFile } from 'node:fs/promises'
import { run, tryRun } from '../../kernel/exec/run.ts'
import type { ExternalSpec } from '../../ports/network.ts'
import { canonical, checkedMtu, familyOf, overlaps, rangeOf } from './addresses.ts'
import { closeHostFirewall, openHostFirewall } from './host-firewall.ts'
import { linkFacts, type LinkFact } from './link-facts.ts'
import { EXT_BRIDGE, EXT_HOST_END, LINK_GROUP, steadyMac, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { removeWithLinks } from './network.ts'

/**
 * An external network: a namespace with a bridge that routers hang their gateways on, and one link to the host, which has
 * the gateway address. The bridge is not in the host's own namespace, because there Docker's rules would be applied to it.
 */
export class Externals {
  readonly #namespaces: Namespaces
  readonly #names: Names
  readonly #mtus = new Map<string, number>()

  constructor(namespaces: Namespaces, names: Names) {
    this.#namespaces = namespaces
    this.#names = names
  }

  async ensure(spec: ExternalSpec): Promise<void> {
    const wanted = `${canonical(spec.gateway)}/${spec.cidr.split('/')[1] ?? ''}`
    const host = linkFacts(await this.#hostLinks())
    this.#refuseOverlap(spec, host)
    await this.#namespaces.add(this.#names.external(spec.networkId), spec.networkId)
    await this.#ensureBridge(spec)
    const own = host.find((link) => link.ifname === this.#names.hostLink(spec.networkId))
    await this.#ensureHostLink(spec, own, wanted)
    await forwardOnHost(familyOf(spec.gateway))
    await openHostFirewall(this.#names, spec.networkId, spec.cidr)
    this.#mtus.set(spec.networkId, spec.mtu)
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
    const range = rangeOf(spec.cidr)
    for (const link of host) {
      const clash =
        link.ifname === own
          ? undefined
          : link.addresses.find((each) => overlaps(rangeOf(each), range))
      if (clash !== undefined) {
        throw new Error(
          `external network ${spec.cidr} overlaps with ${clash} on the host's ${link.ifname}`,
        )
      }
    }
  }

  async #ensureBridge(spec: ExternalSpec): Promise<void> {
    await this.#namespaces.ip(
      this.#names.external(spec.networkId),
      [
        `link add ${EXT_BRIDGE} address ${steadyMac(spec.networkId)} type bridge mcast_snooping 0`,
        `link set dev ${EXT_BRIDGE} addrgenmode none mtu ${checkedMtu(spec.mtu)} up`,
      ],
      /File exists/,
    )
  }

  async #ensureHostLink(
    spec: ExternalSpec,
    own: LinkFact | undefined,
    wanted: string,
  ): Promise<void> {
    const netns = this.#names.external(spec.networkId)
    const link = this.#names.hostLink(spec.networkId)
    const [far] = linkFacts(
      await this.#namespaces.show(netns, ['link', 'show', 'dev', EXT_HOST_END]),
    )
    const paired = own !== undefined && far !== undefined && far.peerIndex === own.ifindex
    if (own !== undefined && !paired) await tryRun('ip', ['link', 'del', 'dev', link])
    const had = paired ? own.addresses : []
    const lines = [
      ...(paired
        ? []
        : [
            `link add dev ${link} type veth peer name ${EXT_HOST_END} netns ${netns} group ${LINK_GROUP}`,
          ]),
      `link set dev ${link} mtu ${checkedMtu(spec.mtu)} up`,
      ...had.filter((each) => each !== wanted).map((each) => `addr del ${each} dev ${link}`),
      ...(had.includes(wanted)
        ? []
        : [`addr add ${wanted} dev ${link}${familyOf(spec.gateway) === 6 ? ' nodad' : ' brd +'}`]),
    ]
    await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
    await this.#namespaces.ip(netns, [
      `link set dev ${EXT_HOST_END} addrgenmode none mtu ${spec.mtu} group ${LINK_GROUP} master ${EXT_BRIDGE} up`,
    ])
  }
}

async function forwardOnHost(family: 4 | 6): Promise<void> {
  const setting =
    family === 4 ? '/proc/sys/net/ipv4/ip_forward' : '/proc/sys/net/ipv6/conf/all/forwarding'
  if ((await readFile(setting, 'utf8')).trim() !== '1') await writeFile(setting, '1\n')
}
