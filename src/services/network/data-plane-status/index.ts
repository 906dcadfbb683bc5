import { Type } from '../../../kernel/schema/type.ts'
import { extensionsOf } from '../extensions/known.ts'
import { addition } from '../standard/addition.ts'
import type { Feature } from '../standard/feature.ts'
import { text } from '../standard/list-spec.ts'
import type { StandardRow } from '../standard/schema.ts'
import { dataPlaneMigration, setDataPlaneStatus } from './store.ts'

type PortRow = StandardRow & { readonly data_plane_status: string | null }

const attributes = {
  data_plane_status: Type.Optional(
    Type.Union([Type.Literal('ACTIVE'), Type.Literal('DOWN'), Type.Null()]),
  ),
}

/** `data_plane_status` of ports: what somebody who watches the cables and switches says of them, beside what the cloud knows. */
export function dataPlaneStatusFeature(): Feature {
  return {
    additions: [
      addition<PortRow, typeof attributes>({
        to: 'port',
        atChange: attributes,
        adminOnly: { data_plane_status: null },
        columns: { data_plane_status: text('data_plane_status') },
        async changed(tx, row, wish) {
          if (wish.data_plane_status === undefined) return
          await setDataPlaneStatus(tx, row.id, wish.data_plane_status)
        },
        views: async (_ctx, rows) =>
          await Promise.resolve(rows.map(({ data_plane_status }) => ({ data_plane_status }))),
      }),
    ],
    migrations: [dataPlaneMigration],
    extensions: extensionsOf([
      [
        'data-plane-status',
        'Port data plane status extension',
        '2017-01-24T10:00:00-00:00',
        'Ports show what others say of the data plane beneath them.',
      ],
    ]),
  }
}
