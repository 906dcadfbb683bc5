import { createHash } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { ComputeDeps } from '../deps.ts'
import { findComputeService, type Service } from '../os-services/store.ts'

type HostInfo = Awaited<ReturnType<ComputeDeps['workload']['hostInfo']>>

/** The one machine that runs servers, with its measures and the service that speaks for it. */
export interface Node {
  readonly number: number
  readonly uuid: string
  readonly hostName: string
  readonly info: HostInfo
  readonly service: Service | undefined
}

/** Measured anew at each request. */
export async function nodeOf(ctx: Ctx, deps: ComputeDeps): Promise<Node> {
  return {
    number: 1,
    uuid: nodeUuid(deps.hostName),
    hostName: deps.hostName,
    info: await deps.workload.hostInfo(ctx),
    service: await findComputeService(ctx, deps.hostName),
  }
}

/** The same for ever for the same host: clients keep it. */
function nodeUuid(hostName: string): string {
  const hex = createHash('sha256').update(`stackyard node ${hostName}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** An address of this machine that others can reach, if it has one. */
export function hostAddress(): string {
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((at) => at.family === 'IPv4' && !at.internal)
  return outside?.address ?? '127.0.0.1'
}

/** `20.10.24` → 20010024: Nova's integer form of a version. */
export function versionNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version
    .split(/[^0-9]+/)
    .filter((part) => part !== '')
    .map(Number)
  return Math.min(major * 1_000_000 + minor * 1000 + patch, 0x7fffffff)
}

/** As `uptime` says it: clients cut this text into pieces. */
export function uptimeText(now: Date, uptimeSeconds: number): string {
  const minutes = Math.floor(uptimeSeconds / 60)
  const days = Math.floor(minutes / 1440)
  const clock = `${Math.floor((minutes % 1440) / 60)}:${String(minutes % 60).padStart(2, '0')}`
  return ` ${now.toISOString().slice(11, 19)} up ${days > 0 ? `${days} day${days === 1 ? '' : 's'}, ` : ''}${clock}`
}
