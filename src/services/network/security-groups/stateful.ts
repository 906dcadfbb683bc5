import { sql } from 'kysely'
import { extensionsOf } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'

/** Security groups can be stateless: their ports get answers only by rules. */
export function statefulFeature(): Feature {
  return {
    migrations: [
      {
        id: '114-stateful-groups',
        async up(db) {
          await sql`alter table net_groups add column stateful integer not null default 1`.execute(
            db,
          )
        },
      },
    ],
    extensions: extensionsOf([
      [
        'stateful-security-group',
        'Stateful security group',
        '2019-11-26T09:00:00-00:00',
        'Security groups can be stateless.',
      ],
    ]),
  }
}
