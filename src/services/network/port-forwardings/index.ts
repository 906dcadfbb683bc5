import { extensionsOf } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import { forwardingMigration } from './migrations.ts'
import { forwardingPolicies, forwardingRoutes } from './routes.ts'
import { specsOfRouter } from './store.ts'
import { forwardingsOnFloatingIps } from './views.ts'

/**
 * Port forwardings: ports of a floating address that lead to different guests. `effects.ts` is what floating IPs, ports and
 * routers ask before they change.
 */
export function portForwardingsFeature(): Feature {
  return {
    additions: [forwardingsOnFloatingIps],
    routes: forwardingRoutes(),
    policies: forwardingPolicies,
    extensions: forwardingExtensions,
    migrations: [forwardingMigration],
    routerExtras: async (ctx, routerId) => {
      const portForwardings = await specsOfRouter(ctx, routerId)
      return portForwardings.length === 0 ? {} : { portForwardings }
    },
  }
}

const forwardingExtensions = extensionsOf([
  [
    'floating-ip-port-forwarding',
    'Floating IP Port Forwarding',
    '2018-01-19T10:00:00-00:00',
    'Ports of a floating IP can lead to different guests.',
  ],
  [
    'expose-port-forwarding-in-fip',
    'Expose Floating IP port forwardings',
    '2018-06-28T16:00:00-00:00',
    'Floating IPs show what they forward.',
  ],
  [
    'floating-ip-port-forwarding-description',
    'Floating IP Port Forwarding new attribute description',
    '2019-11-01T10:00:00-00:00',
    'Port forwardings have a description.',
  ],
  [
    'floating-ip-port-forwarding-detail',
    'Floating IP port forwarding detail',
    '2022-05-06T10:00:00-00:00',
    'Floating IPs show ids of what they forward, and to which port.',
  ],
  [
    'floating-ip-port-forwarding-port-ranges',
    'Floating IP Port Forwarding support port ranges',
    '2020-07-01T10:00:00-00:00',
    'Ranges of ports can be forwarded.',
  ],
])
