import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { NameAnswer, NameQuestion, NameRecord } from '../../../ports/guest-services.ts'
import { canonicalIp } from '../addressing/address.ts'
import { addressOfName, nameOfAddress, wholeName } from '../dns/names.ts'
import { addressesNamed, domainsOf, namedAddress, type NamedAddress } from '../dns/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import { holds } from '../subnets/plan.ts'
import { addressOfReverse } from './reverse.ts'

export interface ResolverSettings {
  /** Domain of networks that have none of their own; without the dot at the end. */
  readonly cloudDomain: string
  /** Who is asked for names of the world. */
  readonly forwarders: readonly string[]
}

/**
 * What a network's resolver knows: the names and addresses of the network's own ports, as Neutron's DHCP agent tells them to
 * dnsmasq. The names of other networks, of the same project too, are not known in it.
 */
export async function resolveName(
  ctx: Ctx,
  settings: ResolverSettings,
  networkId: string,
  question: NameQuestion,
): Promise<NameAnswer> {
  const own = (await domainsOf(ctx, [networkId])).get(networkId)?.replace(/\.$/, '')
  const domain = own ?? settings.cloudDomain
  const reverse = addressOfReverse(question.name)
  if (reverse !== undefined)
    return await resolveAddress(ctx, settings, networkId, { ...question, address: reverse, domain })
  if (question.name === '') return { kind: 'elsewhere', servers: settings.forwarders } // the root
  const hosts = await hostsCalled(ctx, networkId, question.name, domain)
  if (hosts.length > 0) return known(hosts.flatMap((host) => recordsOf(host, question.type)))
  return isOurs(question.name, settings, own)
    ? { kind: 'noSuchName' }
    : { kind: 'elsewhere', servers: settings.forwarders }
}

const known = (records: readonly NameRecord[]): NameAnswer => ({ kind: 'known', records })

function recordsOf(address: string, type: string): NameRecord[] {
  const own = address.includes(':') ? 'AAAA' : 'A'
  return type === own || type === 'ANY' ? [{ type: own, data: address }] : []
}

/** Nobody in the world can know a bare name, or one in a domain that is the cloud's. A tenant's own domain may be public too. */
function isOurs(name: string, settings: ResolverSettings, own: string | undefined): boolean {
  const within = (domain: string | undefined): boolean =>
    domain !== undefined && domain !== '' && (name === domain || name.endsWith(`.${domain}`))
  return (
    !name.includes('.') ||
    within(settings.cloudDomain) ||
    (settings.forwarders.length === 0 && within(own))
  )
}

async function hostsCalled(
  ctx: Ctx,
  networkId: string,
  name: string,
  domain: string,
): Promise<readonly string[]> {
  const labels = name.split('.')
  if (labels.length > 20) return []
  const called = (port: NamedAddress): boolean =>
    [
      port.dns_name.replace(/\.$/, ''),
      wholeName(port.dns_name, domain),
      wholeName(port.dns_name, port.dns_domain),
    ].includes(name)
  const prefixes = labels.map((_label, at) => labels.slice(0, at + 1).join('.'))
  const named = await addressesNamed(ctx, networkId, [...prefixes, `${name}.`])
  const hits = named.filter(called).map(({ address }) => address)
  const bare = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : name
  const address = canonicalIp(addressOfName(bare) ?? '')
  if (hits.length > 0 || address === undefined) return hits
  return (await namedAddress(ctx, networkId, address)) === undefined ? [] : [address]
}

async function resolveAddress(
  ctx: Ctx,
  settings: ResolverSettings,
  networkId: string,
  asked: { readonly address: string; readonly domain: string; readonly type: string },
): Promise<NameAnswer> {
  const port = await namedAddress(ctx, networkId, asked.address)
  if (port !== undefined) {
    const name = port.dns_name === '' ? nameOfAddress(asked.address) : port.dns_name
    const whole = wholeName(name, port.dns_domain === '' ? asked.domain : port.dns_domain)
    return known(asked.type === 'PTR' || asked.type === 'ANY' ? [{ type: 'PTR', data: whole }] : [])
  }
  const subnets = await subnetsIn(ctx, networkId)
  return subnets.some(({ cidr }) => holds(cidr, asked.address))
    ? { kind: 'noSuchName' }
    : { kind: 'elsewhere', servers: settings.forwarders }
}
