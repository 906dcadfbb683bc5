import { extensionsOf } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import { trunkMigration } from './migrations.ts'
import { trunksOnPorts } from './on-ports.ts'
import { subportPolicies, subportRoutes, trunkResource } from './routes.ts'
import { parentOf, subportsOf } from './store.ts'

/** Trunks: one port carries others under VLAN ids. The wiring plugs sub-ports with their parent. */
export function trunksFeature(): Feature {
  return {
    resources: [trunkResource()],
    additions: [trunksOnPorts],
    routesOn: (find) => subportRoutes(find('trunk')),
    policies: subportPolicies,
    extensions: extensionsOf([
      [
        'trunk',
        'Trunk Extension',
        '2016-01-01T10:00:00-00:00',
        'Ports that carry other ports, told apart by VLAN ids.',
      ],
      [
        'trunk-details',
        'Trunk port details',
        '2016-01-01T10:00:00-00:00',
        'Ports show what they carry.',
      ],
    ]),
    migrations: [trunkMigration],
    trunks: { subportsOf, parentOf },
  }
}
