import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import { withZones } from '../availability-zones/zones.ts'
import type { ComputeDeps } from '../deps.ts'
import { nodeOf } from '../hypervisors/node.ts'
import {
  findComputeService,
  listServices,
  updateService,
  type Service,
} from '../os-services/store.ts'
import type { Server } from '../servers/schema.ts'
import { serversOnHost } from '../servers/store.ts'
import { queryText } from '../wire/query.ts'

const verbs = ['list', 'show', 'update', 'start', 'shutdown', 'reboot'] as const
const policy = (verb: (typeof verbs)[number]): string => `os_compute_api:os-hosts:${verb}`

/** All for admins, as Nova has it. */
export const hostPolicies: Readonly<Record<string, string>> = Object.fromEntries(
  verbs.map((verb) => [policy(verb), 'rule:admin']),
)

const Switch = Type.String({ pattern: '^\\s*([eE][nN]|[dD][iI][sS])[aA][bB][lL][eE]\\s*$' })
const HostUpdate = Type.Object(
  { status: Type.Optional(Switch), maintenance_mode: Type.Optional(Switch) },
  { additionalProperties: false, minProperties: 1 },
)

const until = '2.42'
const one = '/v2.1/os-hosts/:name'
const powerVerbs = [
  ['startup', 'start'],
  ['shutdown', 'shutdown'],
  ['reboot', 'reboot'],
] as const

/** Nova's first view of hosts, gone after 2.42. */
export function hostRoutes(deps: ComputeDeps): readonly Route[] {
  return [...viewRoutes(deps), ...powerRoutes()]
}

function viewRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/os-hosts',
      until,
      policy: policy('list'),
      summary: 'List hosts and their services',
      handle: list,
    }),
    route({
      method: 'GET',
      path: one,
      until,
      policy: policy('show'),
      summary: 'Show what a host has and what is used',
      handle: async (ctx, req) => await show(ctx, deps, req),
    }),
    route({
      method: 'PUT',
      path: one,
      until,
      policy: policy('update'),
      body: HostUpdate,
      summary: 'Enable or disable a host',
      handle: async (ctx, req) => await update(ctx, req, req.body),
    }),
  ]
}

function powerRoutes(): readonly Route[] {
  return powerVerbs.map(([verb, rule]) =>
    route({
      method: 'GET',
      path: `${one}/${verb}`,
      until,
      policy: policy(rule),
      summary: `Refused: a ${verb} of the host`,
      handle: async (ctx, req) => {
        await hostIn(ctx, req)
        throw cloudError(
          'badRequest',
          `The engine does not ${verb} its host: use the host's own means.`,
        )
      },
    }),
  )
}

async function hostIn(ctx: Ctx, req: Req): Promise<Service> {
  const { name } = req.params as { name: string } // asked only where the path has :name
  const service = await findComputeService(ctx, name)
  if (service === undefined)
    throw cloudError('notFound', `Compute host ${name.slice(0, 255)} could not be found.`)
  return service
}

async function list(ctx: Ctx, req: Req): Promise<unknown> {
  const wanted = queryText(req, 'zone')
  const services = await withZones(ctx, await listServices(ctx))
  return {
    hosts: services
      .filter(({ zone }) => wanted === undefined || wanted === '' || zone === wanted)
      .map(({ service, zone }) => ({
        host_name: service.host,
        service: service.binary.replace('nova-', ''),
        zone,
      })),
  }
}

async function show(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  const { host } = await hostIn(ctx, req)
  const { info } = await nodeOf(ctx, deps)
  const servers = await serversOnHost(ctx, host)
  const line = (project: string, cpu: number, memory: number, disk: number): unknown => ({
    resource: {
      host,
      project,
      cpu: Math.ceil(cpu),
      memory_mb: Math.ceil(memory),
      disk_gb: Math.ceil(disk),
    },
  })
  const claimed = (project: string, of: readonly Server[]): unknown =>
    line(
      project,
      sum(of, (server) => server.vcpus),
      sum(of, (server) => server.ramMiB),
      sum(of, (server) => server.flavor.diskGiB + server.flavor.ephemeralGiB),
    )
  const projects = [...new Set(servers.map((server) => server.projectId))]
  return {
    host: [
      line('(total)', info.vcpus, info.memoryMiB, info.diskGiB),
      line('(used_now)', info.usedVcpus, info.usedMemoryMiB, info.usedDiskGiB),
      claimed('(used_max)', servers),
      ...projects.map((project) =>
        claimed(
          project,
          servers.filter((server) => server.projectId === project),
        ),
      ),
    ],
  }
}

const sum = (servers: readonly Server[], of: (server: Server) => number): number =>
  servers.reduce((total, server) => total + of(server), 0)

async function update(
  ctx: Ctx,
  req: Req,
  wish: { readonly status?: string; readonly maintenance_mode?: string },
): Promise<unknown> {
  const service = await hostIn(ctx, req)
  if (wish.maintenance_mode !== undefined)
    throw cloudError(
      'badRequest',
      'The engine has no maintenance mode: disable the host and delete or stop its servers.',
    )
  const disabled = wish.status?.trim().toLowerCase() === 'disable'
  await updateService(ctx, service.uuid, {
    disabled,
    ...(disabled ? {} : { disabledReason: null }),
  })
  return { host: service.host, status: disabled ? 'disabled' : 'enabled' }
}
