import { tryRun } from '../../kernel/exec/run.ts'
import {
  conntrackHelperProtocols,
  type ConntrackHelperSpec,
  type RouterSpec,
} from '../../ports/network.ts'
import { short } from './names.ts'
import type { RulesetFacts } from './nft-tables.ts'

/**
 * Conntrack helpers of a router, in a table of their own: a kernel that lacks one refuses the table, and the router's other
 * rules are not to suffer from that. A helper takes a flow when conntrack has looked it up and before it is confirmed.
 */
const HELPER_TABLE = 'inet helpers'

export function helperRules(spec: RouterSpec): string {
  const helpers = spec.conntrackHelpers ?? []
  const fresh = `table ${HELPER_TABLE}\ndelete table ${HELPER_TABLE}\n`
  if (helpers.length === 0) return fresh
  const objects = helpers.map(
    (each) =>
      `  ct helper ${nameOf(each)} {\n    type "${kernelName(each)}" protocol ${each.protocol};\n  }\n`,
  )
  const rules = helpers.map(
    (each) => `    ${each.protocol} dport ${each.port} ct helper set "${nameOf(each)}"\n`,
  )
  return `${fresh}table ${HELPER_TABLE} {
${objects.join('')}  chain pre {
    type filter hook prerouting priority -150; policy accept;
${rules.join('')}  }
}
`
}

/**
 * The kernel itself loads a helper that is named, but not its other half, which writes the translated address into what is
 * said; some helpers have none. Where it is built in, or where modules are not ours to load, `modprobe` fails and all is as it was.
 */
export async function loadTranslators({ conntrackHelpers = [] }: RouterSpec): Promise<void> {
  if (conntrackHelpers.length === 0) return
  const names = conntrackHelpers.map(({ helper }) => (helper === 'snmp' ? 'snmp_basic' : helper))
  const modules = [...new Set(names)].map((name) => `ip_nat_${name}`)
  await tryRun('modprobe', ['-qa', ...modules]).catch(() => undefined)
}

/** In words what differs. */
export function helperDrift(spec: RouterSpec, seen: RulesetFacts): string[] {
  const wanted = (spec.conntrackHelpers ?? []).length
  const rules = seen.tables.get(HELPER_TABLE)?.chains.get('pre') ?? 0
  return rules === wanted ? [] : ['the conntrack helpers are not those wanted']
}

const nameOf = ({ id }: ConntrackHelperSpec): string => `h${short(id)}`

/** The kernel has two helpers for H.323, one for each of its protocols. */
function kernelName({ helper, protocol, port }: ConntrackHelperSpec): string {
  const protocols: readonly string[] = conntrackHelperProtocols[helper]
  if (!protocols.includes(protocol) || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`there is no conntrack helper ${helper} for ${protocol} port ${port}`)
  return helper === 'h323' ? (protocol === 'tcp' ? 'Q.931' : 'RAS') : helper
}
