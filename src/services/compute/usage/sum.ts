import type { Server } from '../servers/schema.ts'
import { novaTime } from '../wire/times.ts'

/** From when to when, ISO 8601. */
export interface Period {
  readonly start: string
  readonly end: string
}

const MS_PER_HOUR = 3_600_000

/** Hours a server ran within the period, from its first launch to its end. */
export function hoursIn(
  server: Pick<Server, 'launchedAt' | 'terminatedAt'>,
  period: Period,
): number {
  if (server.launchedAt === null) return 0
  const from = Math.max(Date.parse(server.launchedAt), Date.parse(period.start))
  const to = Math.min(
    server.terminatedAt === null ? Infinity : Date.parse(server.terminatedAt),
    Date.parse(period.end),
  )
  return Math.max(0, to - from) / MS_PER_HOUR
}

/** One server's part in a usage report. */
export function serverUsage(
  server: Server,
  period: Period,
  now: Date,
  state: string,
): Record<string, unknown> {
  const started = server.launchedAt ?? server.createdAt
  const until = server.terminatedAt === null ? now.getTime() : Date.parse(server.terminatedAt)
  return {
    instance_id: server.id,
    name: server.name,
    tenant_id: server.projectId,
    flavor: server.flavor.name,
    vcpus: server.flavor.vcpus,
    memory_mb: server.flavor.ramMiB,
    local_gb: diskOf(server),
    hours: hoursIn(server, period),
    started_at: novaTime(started),
    ended_at: server.terminatedAt === null ? null : novaTime(server.terminatedAt),
    state: server.terminatedAt === null ? state : 'terminated',
    uptime: Math.max(0, Math.floor((until - Date.parse(started)) / 1000)),
  }
}

const diskOf = (server: Server): number => server.flavor.diskGiB + server.flavor.ephemeralGiB

/** What a project's servers add up to: amounts times hours. */
export function projectUsage(
  projectId: string,
  servers: readonly Server[],
  period: Period,
): Record<string, unknown> {
  const total = (amount: (server: Server) => number): number =>
    servers.reduce((sum, server) => sum + amount(server) * hoursIn(server, period), 0)
  return {
    tenant_id: projectId,
    start: novaTime(period.start),
    stop: novaTime(period.end),
    total_hours: total(() => 1),
    total_vcpus_usage: total((server) => server.flavor.vcpus),
    total_memory_mb_usage: total((server) => server.flavor.ramMiB),
    total_local_gb_usage: total(diskOf),
  }
}
