import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { tryRun } from '../../kernel/exec/run.ts'
import { ADVERTISED } from './filters.ts'
import { inodeOf } from './namespaces.ts'

/** One thing looked at on the host: whether it is as the linux engine needs it and, if not, what to do about it. */
export interface HostFinding {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly advice?: string
}

/** Looks, changes nothing (but for a namespace of a moment, to try what the kernel's nftables can do). */
export async function examineHost(): Promise<readonly HostFinding[]> {
  const capabilities = await capabilityFindings()
  const found = await Promise.all([
    ...tools.map(toolFinding),
    bridgeNetfilter(),
    bridgeConntrack(),
    rawSets(),
    vlans(),
    forwarding(),
    ipVs(),
    cgroupVersion(),
    overlay(),
    kernelVersion(),
  ])
  return [...found, ...capabilities]
}

const tools = [
  { name: 'ip', args: ['-V'], advice: 'install iproute2' },
  { name: 'nft', args: ['--version'], advice: 'install nftables' },
  { name: 'nsenter', args: ['--version'], advice: 'install util-linux' },
  { name: 'sysctl', args: ['--version'], advice: 'install procps' },
  {
    name: 'conntrack',
    args: ['--version'],
    advice: 'install conntrack: without it a removed rule does not end flows it had let in',
  },
  {
    name: 'iptables',
    args: ['--version'],
    advice: 'install iptables, if Docker or another firewall of this host uses it',
  },
] as const

async function toolFinding(tool: (typeof tools)[number]): Promise<HostFinding> {
  const said = await tryRun(tool.name, tool.args).catch(() => undefined)
  if (said?.code !== 0)
    return { name: tool.name, ok: false, detail: 'not found', advice: tool.advice }
  return {
    name: tool.name,
    ok: true,
    detail: (said.stdout || said.stderr).trim().split('\n')[0] ?? '',
  }
}

async function bridgeNetfilter(): Promise<HostFinding> {
  const ok = inodeOf('/proc/sys/net/bridge/bridge-nf-call-iptables') !== undefined
  return ok
    ? { name: 'br_netfilter', ok, detail: 'present' }
    : {
        name: 'br_netfilter',
        ok,
        detail: 'absent',
        advice: 'run `modprobe br_netfilter`: security groups need it to know established flows',
      }
}

/** Not needed (the packet mark does its work), but worth knowing when a kernel behaves oddly. */
async function bridgeConntrack(): Promise<HostFinding> {
  const rules =
    'add table bridge probe; add chain bridge probe c { type filter hook forward priority 0; }; add rule bridge probe c ct state established accept'
  const tried = await tryRun('unshare', ['--net', 'nft', rules]).catch(() => undefined)
  return {
    name: 'bridge conntrack',
    ok: true,
    detail:
      tried?.code === 0
        ? 'present (not needed)'
        : 'absent (not needed: security groups use the packet mark)',
  }
}

/** What every port is bound to its addresses by: a set whose elements hold bytes of a packet that have no name in nft. */
async function rawSets(): Promise<HostFinding> {
  const rules = `add table bridge probe; add set bridge probe s { typeof iifname . ${ADVERTISED}; }`
  const tried = await tryRun('unshare', ['--net', 'nft', rules]).catch(() => undefined)
  const name = 'nft sets of raw bytes'
  return tried?.stderr.includes('Error:') === true
    ? { name, ok: false, detail: 'refused', advice: 'install a newer nftables (1.0.6 takes them)' }
    : { name, ok: true, detail: 'taken' }
}

/** Sub-ports of trunks travel as VLANs where the kernel makes them. */
async function vlans(): Promise<HostFinding> {
  const words = 'link add link lo name probe type vlan id 1'.split(' ')
  const tried = await tryRun('unshare', ['--net', 'ip', ...words]).catch(() => undefined)
  return {
    name: '8021q',
    ok: true,
    detail:
      tried?.code === 0
        ? 'present'
        : 'absent: sub-ports of trunks have links of their own instead of VLANs in their parent’s',
  }
}

async function forwarding(): Promise<HostFinding> {
  const on =
    (await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8').catch(() => '0')).trim() === '1'
  return {
    name: 'ip_forward',
    ok: true,
    detail: on ? 'on' : 'off (switched on with the first external network)',
  }
}

async function ipVs(): Promise<HostFinding> {
  const present = inodeOf('/proc/net/ip_vs') !== undefined
  return {
    name: 'IP_VS',
    ok: true,
    detail: present
      ? 'present'
      : 'absent: Docker Swarm clusters cannot use the routing mesh or virtual IPs',
    ...(present
      ? {}
      : {
          advice: 'load ip_vs if clusters are to use them; dnsrr and host-mode ports work without',
        }),
  }
}

async function cgroupVersion(): Promise<HostFinding> {
  const unified = inodeOf('/sys/fs/cgroup/cgroup.controllers') !== undefined
  return { name: 'cgroup', ok: true, detail: unified ? 'v2' : 'v1' }
}

async function overlay(): Promise<HostFinding> {
  const known = await readFile('/proc/filesystems', 'utf8').catch(() => '')
  const ok = /\boverlay$/m.test(known)
  return ok
    ? { name: 'overlay', ok, detail: 'present' }
    : {
        name: 'overlay',
        ok,
        detail: 'absent',
        advice: 'run `modprobe overlay`: without it Docker copies whole images',
      }
}

async function kernelVersion(): Promise<HostFinding> {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const ok = major > 5 || (major === 5 && minor >= 6) // sets of ranges within concatenations, veth and bridge fixes
  return {
    name: 'kernel',
    ok,
    detail: release(),
    ...(ok ? {} : { advice: 'use Linux 5.6 or newer' }),
  }
}

const needed = [
  { name: 'CAP_NET_ADMIN', bit: 12n, why: 'to make links, namespaces and filters' },
  { name: 'CAP_SYS_ADMIN', bit: 21n, why: 'to enter namespaces' },
] as const

async function capabilityFindings(): Promise<HostFinding[]> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const mask = (key: string): bigint =>
    BigInt(`0x${new RegExp(`^${key}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  const effective = mask('CapEff')
  const bounding = mask('CapBnd')
  const has = (set: bigint, bit: bigint): boolean => ((set >> bit) & 1n) === 1n
  return needed.map(({ name, bit, why }) => {
    const ok = has(effective, bit)
    const detail = ok
      ? 'held'
      : has(bounding, bit)
        ? 'not held, but could be'
        : 'not held, and not in the bounding set'
    return { name, ok, detail, ...(ok ? {} : { advice: `run as root: needed ${why}` }) }
  })
}
