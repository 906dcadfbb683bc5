import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { remembered } from '../records/memory.ts'
import { recordsOfKinds, type StoredRecord } from '../records/store.ts'

/** In URLs of our own services: scheme, host and prefix that the client used. */
export const BASE_URL = '$(base_url)s'

/** Whom a catalog is for: its URLs may hold his project and user. */
export interface CatalogReader {
  readonly projectId?: string
  readonly userId: string
}

export interface CatalogService {
  readonly id: string
  readonly type: string
  readonly name: string
  readonly endpoints: readonly {
    readonly id: string
    readonly interface: string
    readonly region: string | null
    readonly region_id: string | null
    readonly url: string
  }[]
}

/** Enabled services with their enabled endpoints; an endpoint whose URL needs a project is left out without one. */
export async function catalogFor(
  ctx: Ctx,
  reader: CatalogReader,
): Promise<readonly CatalogService[]> {
  const key = `catalog ${ctx.baseUrl} ${reader.projectId ?? ''} ${reader.userId}`
  return await remembered(ctx, key, async () => await buildCatalog(ctx, reader))
}

async function buildCatalog(ctx: Ctx, reader: CatalogReader): Promise<readonly CatalogService[]> {
  const records = await recordsOfKinds(ctx, [
    'service',
    'endpoint',
    'project-endpoint',
    'endpoint-group',
    'project-endpoint-group',
  ])
  const chosen = filterFor(records, reader.projectId)
  return records.service
    .filter((service) => service.body['enabled'] !== false)
    .map((service) => ({
      id: service.id,
      type: String(service.body['type']),
      name: typeof service.body['name'] === 'string' ? service.body['name'] : '',
      endpoints: records.endpoint
        .filter(
          (endpoint) =>
            endpoint.body['service_id'] === service.id &&
            endpoint.body['enabled'] !== false &&
            chosen(endpoint),
        )
        .flatMap((endpoint) => {
          const url = expandUrl(String(endpoint.body['url']), ctx.baseUrl, reader)
          const region = endpoint.body['region_id']
          const regionId = typeof region === 'string' ? region : null
          return url === undefined
            ? []
            : [
                {
                  id: endpoint.id,
                  interface: String(endpoint.body['interface']),
                  region: regionId,
                  region_id: regionId,
                  url,
                },
              ]
        }),
    }))
}

type FilterKinds = 'project-endpoint' | 'endpoint-group' | 'project-endpoint-group'

/** OS-EP-FILTER: a project with endpoints or endpoint groups of its own sees only those, any other sees all. */
function filterFor(
  records: Readonly<Record<FilterKinds, readonly StoredRecord[]>>,
  projectId: string | undefined,
): (endpoint: StoredRecord) => boolean {
  const direct = records['project-endpoint']
    .filter((one) => one.owner === projectId)
    .map((one) => one.body['endpoint_id'])
  const groupIds = records['project-endpoint-group']
    .filter((one) => one.owner === projectId)
    .map((one) => one.body['endpoint_group_id'])
  if (projectId === undefined || (direct.length === 0 && groupIds.length === 0)) return () => true
  const groups = records['endpoint-group'].filter((group) => groupIds.includes(group.id))
  return (endpoint) =>
    direct.includes(endpoint.id) || groups.some((group) => inEndpointGroup(endpoint, group))
}

/** An endpoint belongs to a group when it has every value that the group's filters name. */
export function inEndpointGroup(endpoint: StoredRecord, group: StoredRecord): boolean {
  const filters = group.body['filters']
  return (
    typeof filters === 'object' &&
    filters !== null &&
    Object.entries(filters).every(([key, value]) => endpoint.body[key] === value)
  )
}

/** Undefined when a value that the URL asks for is missing. */
export function expandUrl(
  template: string,
  baseUrl: string,
  reader: CatalogReader,
): string | undefined {
  const values: Record<string, string | undefined> = {
    base_url: baseUrl,
    project_id: reader.projectId,
    tenant_id: reader.projectId,
    user_id: reader.userId,
  }
  let missing = false
  const url = template.replaceAll(/[$%]\(([a-z_]+)\)s/g, (_all, key: string) => {
    const value = values[key]
    if (value === undefined) missing = true
    return value ?? ''
  })
  return missing ? undefined : url
}

/** Names in a URL template that no catalog could fill in. */
export function unknownUrlKeys(template: string): string[] {
  const known = ['base_url', 'project_id', 'tenant_id', 'user_id']
  return [...template.matchAll(/[$%]\(([^)]*)\)s?/g)]
    .filter((match) => !match[0].endsWith('s') || !known.includes(match[1] ?? ''))
    .map((match) => match[0])
}
