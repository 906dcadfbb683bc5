import { readFile } from 'node:fs/promises'
import type { DockerClient } from './client.ts'

/**
 * What «privileged» means here. Docker's own word for it fails on a host whose processes may not have every right there is
 * (as in many virtual machines and containers), so the rights that can be given are named one by one there.
 */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
] as const
/** PERFMON, BPF and CHECKPOINT_RESTORE, the next three, are unknown to Docker before 23. */
const LATER = ['PERFMON', 'BPF', 'CHECKPOINT_RESTORE'] as const
const KNOWS_LATER = 23

/** For `HostConfig`. */
export async function allPrivileges(client: DockerClient): Promise<object> {
  const [status, { Version }] = await Promise.all([
    readFile('/proc/self/status', 'utf8'),
    client.version(),
  ])
  return privilegesFor(BigInt(`0x${/CapBnd:\s*([0-9a-f]+)/.exec(status)?.[1] ?? '0'}`), Version)
}

/** `bounding`: the rights that processes of this host can have at all, one bit each. */
export function privilegesFor(bounding: bigint, engineVersion: string): object {
  const names =
    Number.parseInt(engineVersion) >= KNOWS_LATER ? [...CAPABILITIES, ...LATER] : CAPABILITIES
  const given = names.filter((_name, bit) => (bounding >> BigInt(bit)) & 1n)
  if (given.length === names.length) return { Privileged: true, CapDrop: [] }
  return {
    CapAdd: given,
    CapDrop: [],
    SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
    MaskedPaths: [],
    ReadonlyPaths: [],
    DeviceCgroupRules: ['a *:* rwm'],
    CgroupnsMode: 'private',
  }
}
