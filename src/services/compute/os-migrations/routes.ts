import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { onlyQuery, PAGING, queryText } from '../wire/query.ts'

export const osMigrationPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-migrations:index': 'rule:admin',
}

const filters = [
  'host',
  'hidden',
  'instance_uuid',
  'source_compute',
  'status',
  'migration_type',
  'changes-since',
  'changes-before',
  'user_id',
  'project_id',
]

/** Moves of servers between hosts: with one host there is none, and every filter finds nothing. */
export function osMigrationRoutes(_deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/os-migrations',
      policy: 'os_compute_api:os-migrations:index',
      summary: 'List migrations',
      handle: async (_ctx, req) => {
        checkQuery(req)
        return await Promise.resolve({ migrations: [] })
      },
    }),
  ]
}

function checkQuery(req: Req): void {
  onlyQuery(req, [...filters, ...PAGING])
  if (!atLeast(req.version, '2.59')) return
  const { marker } = pageOf(req.rawQuery, { sortable: [], defaultSort: [] })
  if (marker !== undefined)
    throw cloudError('badRequest', `Marker ${marker.slice(0, 80)} could not be found.`)
  for (const key of ['changes-since', 'changes-before']) {
    const time = queryText(req, key)
    if (time !== undefined && Number.isNaN(Date.parse(time)))
      throw cloudError(
        'badRequest',
        `Invalid input for query parameters ${key}: it is not an ISO 8601 time.`,
      )
  }
}
