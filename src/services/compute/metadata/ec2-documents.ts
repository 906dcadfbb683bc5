import type { PortInfo } from '../../network/face.ts'
import type { Guest } from './guest.ts'

/** Versions that `/` lists. */
export const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
  'latest',
] as const

/** A value, a folder, or `public-keys`, whose entries are listed as `0=name`. */
export interface Ec2Tree {
  readonly [name: string]: string | Ec2Tree
}

/** The tree below `meta-data/`. EC2 names things otherwise: ids are derived from ours. */
export function ec2MetaData(guest: Guest, ports: readonly PortInfo[]): Ec2Tree {
  const fixed = ports.flatMap((port) => port.fixedIps).find((ip) => ip.version === 4)?.address ?? ''
  const floating = ports.flatMap((port) => port.floatingIps)[0]?.floating ?? ''
  return {
    'ami-id': `ami-${guest.imageId.replaceAll('-', '').slice(0, 8)}`,
    'ami-launch-index': String(guest.launchIndex),
    'block-device-mapping': { ami: 'sda1', root: '/dev/sda1' },
    hostname: guest.hostname,
    'instance-action': 'none',
    'instance-id': `i-${guest.id.replaceAll('-', '').slice(0, 8)}`,
    'instance-type': guest.flavorName,
    'local-hostname': guest.hostname,
    'local-ipv4': fixed,
    placement: { 'availability-zone': guest.zone },
    'public-hostname': guest.hostname,
    'public-ipv4': floating,
    ...(guest.publicKey === null
      ? {}
      : { 'public-keys': { '0': { 'openssh-key': `${guest.publicKey.trimEnd()}\n` } } }),
    'reservation-id': guest.reservationId,
    'security-groups': [
      ...new Set(ports.flatMap((port) => port.securityGroups.map((group) => group.name))),
    ].join('\n'),
  }
}
