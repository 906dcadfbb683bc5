import type { NetworkPort } from '../../../ports/network.ts'
import type { Feature } from '../standard/feature.ts'
import { meteringOfRouter } from './extras.ts'
import { labelResource } from './labels.ts'
import { measureLabels } from './measures.ts'
import { labelRuleResource } from './rules.ts'
import { meteringMigration } from './store.ts'

/**
 * Metering: admins say which of the packets that pass the gateways of a project's routers are counted together. The engine
 * counts; `/metrics` tells.
 */
export function meteringFeature(port: NetworkPort): Feature {
  return {
    resources: [labelResource(), labelRuleResource()],
    migrations: [meteringMigration],
    routerExtras: meteringOfRouter,
    measures: (registry, ctx) => measureLabels(port, registry, ctx),
    extensions: [
      {
        alias: 'metering',
        name: 'Neutron Metering',
        updated: '2013-06-12T10:00:00-00:00',
        description: 'Counts what passes the gateways of routers.',
      },
      {
        alias: 'metering_source_and_destination_fields',
        name: 'Neutron Metering with source and destination filtering',
        updated: '2020-08-21T08:12:00-00:00',
        description: 'What is counted can be chosen by source and destination.',
      },
    ],
  }
}
