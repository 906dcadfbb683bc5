import { run, tryRun } from '../../kernel/exec/run.ts'
import type { ExternalSpec } from '../../ports/network.ts'
import { rangeOf } from './addresses.ts'
import type { Names } from './names.ts'
import { rulesetFacts, tablesDrift, tablesText, type NftTable } from './nft-tables.ts'

/**
 * The host's part of an external network: address translation towards the world in a table of our own, and accepts where
 * the host's firewall would drop forwarded packets. Docker sets the policy of FORWARD to drop, and an accept in another
 * table cannot undo that, so the accepts go into Docker's own door for others (DOCKER-USER) or, without Docker, into
 * FORWARD. Every rule carries the cloud's tag in a comment; asking again changes nothing.
 */
interface Family {
  readonly nft: 'ip' | 'ip6'
  readonly iptables: 'iptables' | 'ip6tables'
}

const families: readonly Family[] = [
  { nft: 'ip', iptables: 'iptables' },
  { nft: 'ip6', iptables: 'ip6tables' },
]

const familyOfCidr = (cidr: string): Family['nft'] => (rangeOf(cidr).family === 4 ? 'ip' : 'ip6')

export async function openHostFirewall(names: Names, spec: ExternalSpec): Promise<void> {
  const wanted = familiesOf(spec)
  const unwanted = families.filter((family) => !wanted.includes(family))
  const gone = unwanted.map(({ nft }) => {
    const table = `table ${nft} ${names.hostTable(spec.networkId)}`
    return `${table}\ndelete ${table}\n`
  })
  await run('nft', ['-f', '-'], { input: `${tablesText(hostTables(names, spec))}${gone.join('')}` })
  const comment = names.ruleComment(spec.networkId)
  for (const family of wanted) await ensureAccepts(family, names.hostLink(spec.networkId), comment)
  for (const family of unwanted) await removeAccepts(family, comment)
}

export async function closeHostFirewall(names: Names, externalId: string): Promise<void> {
  for (const family of families) {
    await tryRun('nft', ['delete', 'table', family.nft, names.hostTable(externalId)])
    await removeAccepts(family, names.ruleComment(externalId))
  }
}

/** Lets the host pass on what goes to or comes from a link of ours; tables of our own say what that may be. */
export async function openForwarding(names: Names, link: string, ownerId: string): Promise<void> {
  const [family] = families
  if (family !== undefined) await ensureAccepts(family, link, names.ruleComment(ownerId, 'transit'))
}

export async function closeForwarding(names: Names, ownerId: string): Promise<void> {
  for (const family of families) await removeAccepts(family, names.ruleComment(ownerId, 'transit'))
}

/** Everything any external network of the cloud has left in the host's firewall. */
export async function purgeHostFirewall(names: Names): Promise<void> {
  const tables = await tryRun('nft', ['list', 'tables'])
  for (const found of tables.stdout.matchAll(/^table (ip6?) (\S+)$/gm)) {
    const [, family = '', table = ''] = found
    if (table.startsWith(names.hostTablePrefix))
      await run('nft', ['delete', 'table', family, table])
  }
  for (const family of families) await removeAccepts(family, names.ruleCommentPrefix)
}

/**
 * Tenants reach the world under the host's address. They do not reach the host's cloud metadata service (its answers hold
 * the host's secrets) nor containers that Docker keeps on bridges of its own. One table for each family with a subnet.
 */
function hostTables(names: Names, spec: ExternalSpec): NftTable[] {
  const link = names.hostLink(spec.networkId)
  return familiesOf(spec).map(({ nft }) => ({
    name: `${nft} ${names.hostTable(spec.networkId)}`,
    maps: [],
    chains: [
      {
        name: 'forward',
        base: 'type filter hook forward priority -10; policy accept;',
        rules: [
          `iifname != "${link}" return`,
          // tenants use published ports of the host as everybody does
          ...(nft === 'ip' ? [`oifname "${names.transitLinkPrefix}*" ct status dnat accept`] : []),
          `${nft} daddr ${nft === 'ip' ? '169.254.0.0/16' : 'fe80::/10'} drop`,
          'ct state established,related accept',
          'oifname { "docker0", "docker_gwbridge" } drop',
          'oifname "br-*" drop',
        ],
      },
      {
        name: 'postrouting',
        base: 'type nat hook postrouting priority 100; policy accept;',
        // Also what a router sends untranslated: the world has no way back to it.
        rules: [`iifname "${link}" oifname != "${link}" masquerade`],
      },
    ],
  }))
}

const familiesOf = (spec: ExternalSpec): Family[] =>
  families.filter(({ nft }) => spec.subnets.some(({ cidr }) => familyOfCidr(cidr) === nft))

/** In words what differs. */
export async function hostFirewallDrift(names: Names, spec: ExternalSpec): Promise<string[]> {
  const tables = hostTables(names, spec).map(async (table) => {
    const listed = await tryRun('nft', ['-j', 'list', 'table', ...table.name.split(' ')])
    return listed.code === 0
      ? tablesDrift([table], rulesetFacts(JSON.parse(listed.stdout)))
      : [`the host's table ${table.name} is gone`]
  })
  const accepts = familiesOf(spec).map(async (family) => {
    const link = names.hostLink(spec.networkId)
    const missing = await missingAccepts(family, link, names.ruleComment(spec.networkId))
    return missing.map(
      ({ side }) => `the host's ${family.iptables} accepts nothing ${side} ${link}`,
    )
  })
  return (await Promise.all([...tables, ...accepts])).flat()
}

async function ensureAccepts(family: Family, link: string, comment: string): Promise<void> {
  for (const { chain, side } of await missingAccepts(family, link, comment)) {
    const rule = [side, link, '-m', 'comment', '--comment', comment, '-j', 'ACCEPT']
    await run(family.iptables, ['-w', '10', '-I', chain, ...rule])
  }
}

async function missingAccepts(
  family: Family,
  link: string,
  comment: string,
): Promise<{ readonly chain: string; readonly side: string }[]> {
  const chain = await doorChain(family)
  if (chain === undefined) return []
  const there = await rulesOf(family, chain)
  return ['-i', '-o']
    .filter(
      (side) => !there.some((line) => line.includes(` ${side} ${link} `) && line.includes(comment)),
    )
    .map((side) => ({ chain, side }))
}

/** Where the host lets others say what may be forwarded; undefined when nothing there would drop it. */
async function doorChain(family: Family): Promise<string | undefined> {
  const docker = await tryRun(family.iptables, ['-w', '10', '-S', 'DOCKER-USER']).catch(
    () => undefined,
  )
  if (docker === undefined) return undefined // no iptables on this host, hence no rules of its kind
  if (docker.code === 0) return 'DOCKER-USER'
  const forward = await rulesOf(family, 'FORWARD')
  return forward.every((line) => line === '-P FORWARD ACCEPT') ? undefined : 'FORWARD'
}

async function rulesOf(family: Family, chain?: string): Promise<string[]> {
  const listed = await tryRun(family.iptables, [
    '-w',
    '10',
    '-S',
    ...(chain === undefined ? [] : [chain]),
  ]).catch(() => undefined)
  return listed?.stdout.split('\n').filter((line) => line !== '') ?? []
}

async function removeAccepts(family: Family, comment: string): Promise<void> {
  for (const line of await rulesOf(family)) {
    const [verb, ...rest] = line.split(' ')
    // iptables prints a comment without blanks bare, so the line can be given back word by word.
    const mine = rest.some((word) => word.replaceAll('"', '').startsWith(comment))
    if (verb === '-A' && mine) {
      await tryRun(family.iptables, [
        '-w',
        '10',
        '-D',
        ...rest.map((word) => word.replaceAll('"', '')),
      ])
    }
  }
}
