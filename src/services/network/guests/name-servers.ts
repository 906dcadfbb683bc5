import { fromJson } from '../../../kernel/db/db.ts'
import { GUEST_SERVICE_ADDRESS } from '../../../ports/guest-services.ts'

/**
 * Name servers of a guest: those its subnet names, or else the network's own resolver. As in Neutron, a subnet whose only
 * server is 0.0.0.0 or :: wants none to be told.
 */
export function nameServersOf(dns: string, version: 4 | 6): readonly string[] {
  const wished = fromJson<string[]>(dns)
  if (wished.length === 0) return [GUEST_SERVICE_ADDRESS[version]]
  return wished.every((server) => server === '0.0.0.0' || server === '::') ? [] : wished
}
