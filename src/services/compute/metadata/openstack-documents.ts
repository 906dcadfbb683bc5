import type { PortInfo } from '../../network/face.ts'
import type { Guest } from './guest.ts'

/** Versions that `/openstack/` lists; cloud-init picks the newest it knows. */
export const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  'latest',
] as const

/** `meta_data.json` */
export function metaData(guest: Guest, ports: readonly PortInfo[]): Record<string, unknown> {
  const devices = ports.flatMap((port) => {
    const tag = guest.nicTags[port.id]
    return tag === undefined
      ? []
      : [{ type: 'nic', bus: 'none', address: 'none', mac: port.mac, tags: [tag] }]
  })
  return {
    uuid: guest.id,
    name: guest.name,
    hostname: guest.hostname,
    project_id: guest.projectId,
    availability_zone: guest.zone,
    launch_index: guest.launchIndex,
    reservation_id: guest.reservationId,
    meta: guest.metadata,
    devices,
    dedicated_cpus: [],
    ...(guest.publicKey === null || guest.keyName === null
      ? {}
      : {
          public_keys: Object.fromEntries([[guest.keyName, guest.publicKey]]),
          keys: [{ name: guest.keyName, type: 'ssh', data: guest.publicKey }],
        }),
  }
}

/** `vendor_data.json` and its successor, in which every source has a name; here there is one. */
export const vendorDocuments = ({ vendorData }: Guest) => ({
  'vendor_data.json': vendorData,
  'vendor_data2.json': { static: vendorData },
})

/** `network_data.json`: links are interfaces, networks are their addresses. Everything is already configured when the guest starts. */
export function networkData(ports: readonly PortInfo[]): Record<string, unknown> {
  const dns = [...new Set(ports.flatMap((port) => port.fixedIps.flatMap((ip) => ip.dns)))]
  return {
    links: ports.map((port, at) => ({
      id: `eth${at}`,
      vif_id: port.id,
      type: 'phy',
      mtu: port.mtu,
      ethernet_mac_address: port.mac,
    })),
    networks: ports.flatMap((port, at) =>
      port.fixedIps.map((ip, nth) => ({
        id: `network${at}-${nth}`,
        type: ip.version === 4 ? 'ipv4' : 'ipv6',
        link: `eth${at}`,
        network_id: port.networkId,
        ip_address: ip.address,
        netmask: maskOf(ip.version, Number(ip.cidr.split('/')[1])),
        routes:
          ip.gateway === null
            ? []
            : [
                {
                  network: ip.version === 4 ? '0.0.0.0' : '::',
                  netmask: ip.version === 4 ? '0.0.0.0' : '::',
                  gateway: ip.gateway,
                },
              ],
        services: ip.dns.map((address) => ({ type: 'dns', address })),
      })),
    ),
    services: dns.map((address) => ({ type: 'dns', address })),
  }
}

function maskOf(version: 4 | 6, prefix: number): string {
  const width = version === 4 ? 8 : 16
  const parts = Array.from({ length: version === 4 ? 4 : 8 }, (_, at) => {
    const ones = Math.min(Math.max(prefix - at * width, 0), width)
    return ((1 << width) - 1) ^ ((1 << (width - ones)) - 1)
  })
  return version === 4 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':')
}
