import { extensionsOf } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import { addressGroupMigration } from './migrations.ts'
import { addressGroupResource, addressRoutes } from './routes.ts'

/** Address groups. Rules of security groups name them (`security-groups/`), the wiring asks for their addresses. */
export function addressGroupsFeature(): Feature {
  return {
    resources: [addressGroupResource()],
    routesOn: (find) => addressRoutes(find('address_group')),
    migrations: [addressGroupMigration],
    extensions: extensionsOf([
      [
        'address-group',
        'Address group',
        '2020-07-15T10:00:00-00:00',
        'Addresses under one name, for rules of security groups.',
      ],
      [
        'rbac-address-group',
        'Add address_group type to RBAC',
        '2021-01-20T00:00:00-00:00',
        'Address groups can be shared.',
      ],
      [
        'security-groups-remote-address-group',
        'Remote address group id field for security group rules',
        '2020-08-25T10:00:00-00:00',
        'The remote side of a rule can be an address group.',
      ],
    ]),
  }
}
