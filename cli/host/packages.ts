import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { environment } from '../../src/kernel/config/environment.ts'
import { reasonOf } from '../../src/kernel/errors/cloud-error.ts'
import { run } from '../../src/kernel/exec/run.ts'
import { CommandError } from '../command.ts'
import { ask, bold, dim, say, step } from '../terminal.ts'

/** What the cloud needs from the host, and the Debian package that brings it. */
export interface Requirement {
  readonly program: string
  readonly package: string
  readonly why: string
}

const REQUIREMENTS: readonly Requirement[] = [
  {
    program: 'dockerd',
    package: 'docker.io',
    why: 'the Docker Engine, which runs what you create',
  },
  { program: 'ip', package: 'iproute2', why: 'tenant networks are bridges in network namespaces' },
  { program: 'nft', package: 'nftables', why: 'security groups, routers and floating IPs' },
  {
    program: 'iptables',
    package: 'iptables',
    why: "lets tenants' traffic pass Docker's own rules",
  },
  { program: 'conntrack', package: 'conntrack', why: 'cuts connections when a rule is removed' },
  { program: 'nsenter', package: 'util-linux', why: 'reaches into network namespaces' },
]

// Where neither systemd nor anybody else has mounted control groups, Docker cannot start.
const CGROUPS: Requirement = {
  program: 'cgroupfs-mount',
  package: 'cgroupfs-mount',
  why: 'mounts the control groups that Docker needs',
}
// Docker loads a profile where the kernel has AppArmor, and fails to start containers without the parser.
const APPARMOR: Requirement = {
  program: 'apparmor_parser',
  package: 'apparmor',
  why: "this kernel has AppArmor, and Docker loads its containers' profile",
}

/** What is missing here. An engine elsewhere (another socket that answers) needs no dockerd. */
export function missingRequirements(hasEngine: boolean): Requirement[] {
  const wanted = REQUIREMENTS.filter(({ program }) => !(hasEngine && program === 'dockerd'))
  if (!hasEngine && !areCgroupsMounted()) wanted.push(CGROUPS)
  if (!hasEngine && hasAppArmor()) wanted.push(APPARMOR)
  return wanted.filter(({ program }) => findProgram(program) === undefined)
}

/** Says what will be installed and why, asks, installs. */
export async function installMissing(missing: readonly Requirement[], yes: boolean): Promise<void> {
  if (missing.length === 0) return
  say(bold('Stackyard needs these Debian packages, which are not installed:'))
  for (const { package: name, why } of missing) say(`  ${name.padEnd(14)} ${dim(why)}`)
  const names = [...new Set(missing.map((requirement) => requirement.package))]
  if (findProgram('apt-get') === undefined) {
    throw new CommandError('this is not Debian or Ubuntu, so nothing can be installed from here', [
      `Install by hand what brings: ${missing.map(({ program }) => program).join(', ')}`,
    ])
  }
  if (!yes && !(await ask(`Install ${names.join(' ')} with apt-get?`, true))) {
    throw new CommandError('nothing was installed', [`apt-get install ${names.join(' ')}`])
  }
  await step(`Installing ${names.join(', ')}`, (note) => installPackages(names, note))
}

/** apt's package lists are fetched when there are none yet, and once more when they turn out to be out of date. */
export async function installPackages(
  names: readonly string[],
  note: (text: string) => void = () => undefined,
): Promise<void> {
  await ensureAptLists(note)
  try {
    await aptGet(['install', '-y', '--no-install-recommends', ...names])
  } catch {
    note('again with fresh package lists')
    await aptGet(['update'])
    await aptGet(['install', '-y', '--no-install-recommends', ...names]).catch((cause: unknown) => {
      throw new CommandError(`apt-get could not install ${names.join(' ')}`, [reasonOf(cause)])
    })
  }
}

export async function ensureAptLists(
  note: (text: string) => void = () => undefined,
): Promise<void> {
  const folder = '/var/lib/apt/lists'
  const hasLists = existsSync(folder) && readdirSync(folder).some((name) => /_Packages/.test(name))
  if (hasLists) return
  note('fetching the package lists')
  await aptGet(['update'])
}

/** The program's path. Root's PATH lacks the sbin folders after a plain `su`. */
export function findProgram(name: string): string | undefined {
  const path = (environment()['PATH'] ?? '').split(delimiter)
  const folders = [...path, '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

async function aptGet(args: readonly string[]): Promise<void> {
  // An update that runs in the background holds apt's lock for a minute or two.
  await run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=180', ...args], {
    timeoutMs: 900_000,
    env: { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'a' },
  })
}

export function areCgroupsMounted(): boolean {
  return /^cgroup2? /m.test(readFileSync('/proc/mounts', 'utf8'))
}

function hasAppArmor(): boolean {
  const file = '/sys/module/apparmor/parameters/enabled'
  return existsSync(file) && readFileSync(file, 'utf8').startsWith('Y')
}
