/**
 * linux: the network port on one Linux host, with namespaces, bridges, veth pairs and nftables. Namespaces are named after
 * the cloud's tag and the object's id, so everything can be found again after a crash and two clouds never meet.
 * Asks of the host: root, `ip`, `nft`, `nsenter`, `sysctl`, br_netfilter; `conntrack` to end flows a removed rule had let in.
 */
export { createLinuxNetwork, type LinuxNetworkConfig } from './linux-network.ts'
export type { NetworkLog } from './log.ts'
export { purgeLinuxNetwork } from './purge.ts'
export { examineHost, type HostFinding } from './doctor.ts'
