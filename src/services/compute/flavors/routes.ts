import { randomUUID } from 'node:crypto'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import { reply } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { nextLink } from '../wire/links.ts'
import { onlyQuery, PAGING, queryCount, SORTING } from '../wire/query.ts'
import { toBoolean, toInteger } from '../wire/schemas.ts'
import { accessRoutes } from './access-routes.ts'
import { extraSpecRoutes } from './extra-spec-routes.ts'
import {
  flavorSummary,
  FlavorUpdate,
  flavorView,
  NewFlavor,
  NewFlavor21,
  type Flavor,
} from './schema.ts'
import {
  deleteFlavor,
  describeFlavor,
  getFlavor,
  insertFlavor,
  listFlavors,
  type Visibility,
} from './store.ts'

/** Everybody reads, admins write: Nova's defaults. */
export const flavorPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:flavors': '@',
  'os_compute_api:os-flavor-manage:create': 'rule:admin',
  'os_compute_api:os-flavor-manage:update': 'rule:admin',
  'os_compute_api:os-flavor-manage:delete': 'rule:admin',
  'os_compute_api:os-flavor-access': 'rule:admin',
  'os_compute_api:os-flavor-access:add_tenant_access': 'rule:admin',
  'os_compute_api:os-flavor-access:remove_tenant_access': 'rule:admin',
  'os_compute_api:os-flavor-extra-specs:index': 'rule:project-reader',
  'os_compute_api:os-flavor-extra-specs:show': 'rule:project-reader',
  'os_compute_api:os-flavor-extra-specs:create': 'rule:admin',
  'os_compute_api:os-flavor-extra-specs:update': 'rule:admin',
  'os_compute_api:os-flavor-extra-specs:delete': 'rule:admin',
}

/** Nova's names of the columns a list may be sorted by. */
const sortKeys: Readonly<Record<string, (flavor: Flavor) => string | number | boolean | null>> = {
  flavorid: (flavor) => flavor.id,
  id: (flavor) => flavor.id,
  name: (flavor) => flavor.name,
  memory_mb: (flavor) => flavor.ramMiB,
  vcpus: (flavor) => flavor.vcpus,
  root_gb: (flavor) => flavor.diskGiB,
  ephemeral_gb: (flavor) => flavor.ephemeralGiB,
  swap: (flavor) => flavor.swapMiB,
  rxtx_factor: (flavor) => flavor.rxtxFactor,
  is_public: (flavor) => flavor.isPublic,
  disabled: (flavor) => flavor.disabled,
  description: (flavor) => flavor.description,
}

const create = {
  method: 'POST',
  path: '/v2.1/flavors',
  policy: 'os_compute_api:os-flavor-manage:create',
} as const

/** Flavors with their extra specs and access lists. A server keeps its own copy, so a change here changes no server. */
export function flavorRoutes(deps: ComputeDeps): readonly Route[] {
  return [...readRoutes(), ...writeRoutes(), ...accessRoutes(deps), ...extraSpecRoutes()]
}

function readRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/flavors',
      policy: 'os_compute_api:flavors',
      summary: 'List flavors',
      handle: async (ctx, req) => await list(ctx, req, flavorSummary),
    }),
    route({
      method: 'GET',
      path: '/v2.1/flavors/detail',
      policy: 'os_compute_api:flavors',
      summary: 'List flavors with details',
      handle: async (ctx, req) => await list(ctx, req, flavorView),
    }),
    route({
      method: 'GET',
      path: '/v2.1/flavors/:id',
      policy: 'os_compute_api:flavors',
      summary: 'Show a flavor',
      handle: async (ctx, req) => ({ flavor: flavorView(req, await getFlavor(ctx, idOf(req))) }),
    }),
  ]
}

function writeRoutes(): readonly Route[] {
  return [
    route({
      ...create,
      until: '2.54',
      body: NewFlavor21,
      summary: 'Create a flavor',
      handle: async (ctx, req) => await createFlavor(ctx, req, req.body.flavor),
    }),
    route({
      ...create,
      since: '2.55',
      body: NewFlavor,
      summary: 'Create a flavor',
      handle: async (ctx, req) => await createFlavor(ctx, req, req.body.flavor),
    }),
    route({
      method: 'PUT',
      path: '/v2.1/flavors/:id',
      since: '2.55',
      policy: 'os_compute_api:os-flavor-manage:update',
      body: FlavorUpdate,
      summary: "Change a flavor's description",
      handle: async (ctx, req) => await updateFlavor(ctx, req, req.body.flavor.description),
    }),
    route({
      method: 'DELETE',
      path: '/v2.1/flavors/:id',
      policy: 'os_compute_api:os-flavor-manage:delete',
      summary: 'Delete a flavor',
      handle: async (ctx, req) => {
        await deleteFlavor(ctx, (await getFlavor(ctx, idOf(req))).id)
        return reply(202)
      },
    }),
  ]
}

const idOf = (req: Req): string => (req.params as { id: string }).id // the path of each of these routes has :id

async function list(
  ctx: Ctx,
  req: Req,
  view: (req: Req, flavor: Flavor) => unknown,
): Promise<unknown> {
  onlyQuery(req, [...PAGING, ...SORTING, 'is_public', 'minRam', 'minDisk'])
  const page = pageOf(req.rawQuery, {
    sortable: Object.keys(sortKeys),
    defaultSort: [{ key: 'flavorid', dir: 'asc' }],
  })
  const minRam = queryCount(req, 'minRam') ?? 0
  const minDisk = queryCount(req, 'minDisk') ?? 0
  const flavors = (await listFlavors(ctx, visibilityOf(ctx, req))).filter(
    (flavor) => flavor.ramMiB >= minRam && flavor.diskGiB >= minDisk,
  )
  const { items, more } = cutPage(flavors, page, (flavor, key) => sortKeys[key]?.(flavor))
  return {
    flavors: items.map((flavor) => view(req, flavor)),
    ...nextLink(req, 'flavors_links', items.at(-1)?.id, more),
  }
}

/** Only an admin may look beyond public flavors and those his project has access to. */
function visibilityOf(ctx: Ctx, req: Req): Visibility {
  const asked = req.rawQuery.get('is_public')?.toLowerCase()
  if (!can(ctx, 'admin') || asked === undefined) return 'mine'
  if (asked === 'none') return 'all'
  if (/^(true|1|on|yes|t|y)$/.test(asked)) return 'mine'
  if (/^(false|0|off|no|f|n)$/.test(asked)) return 'private'
  throw cloudError(
    'badRequest',
    `Invalid is_public filter [${asked.slice(0, 40)}]: use true, false or none.`,
  )
}

async function createFlavor(ctx: Ctx, req: Req, body: NewFlavor): Promise<unknown> {
  const flavor: Flavor = {
    id: body.id === undefined || body.id === null ? randomUUID() : String(body.id),
    name: body.name,
    vcpus: toInteger(body.vcpus, 'vcpus', 1),
    ramMiB: toInteger(body.ram, 'ram', 1),
    diskGiB: toInteger(body.disk, 'disk', 0),
    ephemeralGiB: toInteger(body['OS-FLV-EXT-DATA:ephemeral'] ?? 0, 'OS-FLV-EXT-DATA:ephemeral', 0),
    swapMiB: toInteger(body.swap ?? 0, 'swap', 0),
    description: body.description ?? null,
    isPublic: toBoolean(body['os-flavor-access:is_public'] ?? true),
    disabled: false,
    rxtxFactor: rxtxFactorOf(body.rxtx_factor ?? 1),
    extraSpecs: {},
  }
  await insertFlavor(ctx, flavor)
  return { flavor: flavorView(req, flavor) }
}

async function updateFlavor(ctx: Ctx, req: Req, description: string | null): Promise<unknown> {
  const flavor = await getFlavor(ctx, idOf(req))
  await describeFlavor(ctx, flavor.id, description)
  return { flavor: flavorView(req, { ...flavor, description }) }
}

function rxtxFactorOf(value: number | string): number {
  const factor = Number(value)
  if (factor > 0) return factor
  throw cloudError(
    'badRequest',
    'Invalid input for field/attribute rxtx_factor: it must be greater than 0.',
  )
}
