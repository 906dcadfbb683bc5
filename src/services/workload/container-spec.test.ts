import { expect, it } from 'vitest'
import { resolverOf } from './container-spec.ts'

const port = (dns: readonly (readonly string[])[], dnsDomain = 'openstacklocal') => ({
  dnsDomain,
  fixedIps: dns.map((servers) => ({
    subnetId: 's',
    address: '10.0.0.5',
    version: 4 as const,
    cidr: '10.0.0.0/24',
    gateway: null,
    dns: servers,
  })),
})
const OURS = '169.254.169.254'
const OURS_6 = 'fe80::a9fe:a9fe'

it.each([
  ['the network’s own', [port([[OURS]])], [OURS]],
  ['the same, once, of both families', [port([[OURS], [OURS_6]])], [OURS]],
  ['of a guest without IPv4', [port([[OURS_6]])], [`${OURS_6}%eth0`]],
  ['the subnet’s', [port([['192.0.2.1', '192.0.2.2']])], ['192.0.2.1', '192.0.2.2']],
  ['not those of a later link', [port([['192.0.2.1']]), port([[OURS]])], ['192.0.2.1']],
  ['and a later subnet’s', [port([[OURS]]), port([['192.0.2.1']])], [OURS, '192.0.2.1']],
  ['none that are not wanted', [port([[]])], []],
] as const)('name servers: %s', (_what, ports, dns) => {
  expect(resolverOf(ports)).toEqual({ dns, dnsSearch: ['openstacklocal'] })
})

it('without an interface there is nobody to ask', () => {
  expect(resolverOf([])).toEqual({ dns: [], dnsSearch: [] })
})
