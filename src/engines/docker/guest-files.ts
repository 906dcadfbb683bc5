import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join, normalize } from 'node:path'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ContainerSpec, WorkloadId } from '../../ports/compute.ts'
import type { DockerHost } from './names.ts'

/**
 * The files of a workload on the host: `<folder>/<id>/{hosts,resolv.conf,hostname}` and `files/<n>` for guest files. They
 * are bind-mounted, and written only while no container uses them; nothing of their names comes from the user.
 * `hostname` is also where the engine reads the name it gives the container at each start, so the guest may not write it.
 */
const systemFiles = {
  hosts: '/etc/hosts',
  'resolv.conf': '/etc/resolv.conf',
  hostname: '/etc/hostname',
} as const
const HOSTS_LIMIT_BYTES = 64 * 1024

export interface BindMount {
  readonly Type: 'bind'
  readonly Source: string
  readonly Target: string
  readonly ReadOnly: boolean
}

export const filesFolder = (host: DockerHost, id: WorkloadId): string => join(host.folder, id)

export async function writeGuestFiles(
  host: DockerHost,
  spec: ContainerSpec,
): Promise<readonly BindMount[]> {
  const folder = filesFolder(host, spec.id)
  const targets = guestTargets(spec)
  await rm(join(folder, 'files'), { recursive: true, force: true })
  await mkdir(spec.files.length > 0 ? join(folder, 'files') : folder, {
    recursive: true,
    mode: 0o700,
  })
  await Promise.all([
    writeFile(join(folder, 'hosts'), hostsFile(spec)),
    writeFile(join(folder, 'resolv.conf'), resolvFile(spec)),
    writeFile(join(folder, 'hostname'), `${checkHostname(spec.hostname)}\n`),
    ...spec.files.map(async (file, index) => {
      const path = join(folder, 'files', String(index))
      await writeFile(path, Buffer.from(file.content, 'base64'))
      await chmod(path, file.mode & 0o7777) // the mode given to writeFile would be cut by the umask
    }),
  ])
  return [
    ...Object.entries(systemFiles).map(([name, target]) =>
      bind(join(folder, name), target, name === 'hostname'),
    ),
    ...targets.map((target, index) => bind(join(folder, 'files', String(index)), target, true)),
  ]
}

export async function readHostname(host: DockerHost, id: WorkloadId): Promise<string | undefined> {
  const text = await readFile(join(filesFolder(host, id), 'hostname'), 'utf8').catch(
    () => undefined,
  )
  return text?.trim()
}

/** The new name in /etc/hostname and in the lines of /etc/hosts that had the old one; in place, because both are mounted. */
export async function writeHostname(
  host: DockerHost,
  id: WorkloadId,
  hostname: string,
): Promise<void> {
  const folder = filesFolder(host, id)
  const before = await readHostname(host, id)
  if (before === undefined)
    throw cloudError('notFound', `There is no container of ${id} on the host`)
  if (before === checkHostname(hostname)) return
  const hosts = join(folder, 'hosts')
  if ((await stat(hosts)).size <= HOSTS_LIMIT_BYTES) {
    // the guest may write it: no reading of whatever it made of it
    const lines = (await readFile(hosts, 'utf8')).split('\n')
    await writeFile(hosts, lines.map((line) => renamed(line, before, hostname)).join('\n'))
  }
  await writeFile(join(folder, 'hostname'), `${hostname}\n`)
}

export async function removeGuestFiles(host: DockerHost, id: WorkloadId): Promise<void> {
  await rm(filesFolder(host, id), { recursive: true, force: true })
}

export async function listGuestFolders(host: DockerHost): Promise<readonly string[]> {
  return await readdir(host.folder).catch(() => [])
}

function bind(source: string, target: string, readOnly: boolean): BindMount {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly }
}

function guestTargets(spec: ContainerSpec): readonly string[] {
  const taken = new Set<string>(Object.values(systemFiles))
  return spec.files.map(({ path }) => {
    const plain = normalize(path)
    const reason = taken.has(plain)
      ? 'it is given twice or made by the cloud itself'
      : refusal(path, plain)
    if (reason !== undefined)
      throw cloudError('badRequest', `Cannot lay a file at '${path}': ${reason}`)
    taken.add(plain)
    return plain
  })
}

function refusal(path: string, plain: string): string | undefined {
  if (!path.startsWith('/') || path.split('/').includes('..')) return 'it is not an absolute path'
  if (/\p{Cc}/u.test(path)) return 'it has control characters'
  if (plain.endsWith('/')) return 'it is a folder'
  return /^\/(proc|sys|dev)(\/|$)/.test(plain) ? 'it is not a place for files' : undefined
}

function hostsFile(spec: ContainerSpec): string {
  const named = spec.hosts.some(({ names }) => names.includes(spec.hostname))
  return [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    // Debian's manner: the own name resolves even without a network.
    ...(named ? [] : [`127.0.1.1 ${spec.hostname}`]),
    ...spec.hosts.map(({ address, names }) =>
      [checkAddress(address), ...names.map(checkDomainName)].join(' '),
    ),
    '',
  ].join('\n')
}

function resolvFile(spec: ContainerSpec): string {
  const search = (spec.dnsSearch ?? []).map(checkDomainName).join(' ')
  return [
    ...(search === '' ? [] : [`search ${search}\n`]),
    ...spec.dns.map((address) => `nameserver ${checkAddress(address)}\n`),
  ].join('')
}

function renamed(line: string, before: string, after: string): string {
  const swap = (word: string): string =>
    word === before
      ? after
      : word.startsWith(`${before}.`)
        ? `${after}${word.slice(before.length)}`
        : word
  return line.startsWith('#') ? line : line.split(' ').map(swap).join(' ')
}

function checkAddress(address: string): string {
  if (isIP(address) !== 0) return address
  throw cloudError('badRequest', `'${address}' is not an IP address`)
}

/** The first sign may not be `-`, which the hostname command would take for an option. */
function checkName(name: string, limit: number): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) && name.length <= limit) return name
  throw cloudError(
    'badRequest',
    `'${name}' cannot be a host name: letters, digits, '-' and '.', ${limit} at most`,
  )
}

/** 64 is the kernel's limit for the name of a machine. */
const checkHostname = (name: string): string => checkName(name, 64)
const checkDomainName = (name: string): string => checkName(name, 253)
