import type { Ctx } from '../../kernel/ctx/ctx.ts'

/** What services to the right may ask of compute. A client of a real Nova must be able to stand behind it. */
export interface ComputeFace {
  /** A server that the asker may see (any, for an administrator and without an asker); undefined when there is none. */
  findServer(ctx: Ctx, id: string): Promise<ServerName | undefined>
  /** Servers of this name that the asker may see, the oldest first; at most 100. */
  findServersNamed(ctx: Ctx, name: string): Promise<readonly ServerName[]>
  /** As `findServer`, with what other tongues show of it. */
  describeServer(ctx: Ctx, id: string): Promise<ServerInfo | undefined>
  /** In order of creation: those of one project, or all of them. */
  listServers(ctx: Ctx, projectId: string | undefined): Promise<readonly ServerInfo[]>
  /** As the server's own action does it, with its policy, its log and its refusals (403, 404, 409). */
  turnServer(ctx: Ctx, id: string, verb: ServerTurn): Promise<void>
  /** Ids of the users who have this public key (its OpenSSH blob) among their keypairs. */
  usersWithKey(ctx: Ctx, key: Buffer): Promise<readonly string[]>
}

export type ServerTurn = 'start' | 'stop' | 'reboot' | 'pause' | 'unpause'

export interface ServerName {
  readonly id: string
  readonly name: string
  readonly projectId: string
}

/** A server as it was asked for; what runs is the workload of the same id. */
export interface ServerInfo extends ServerName {
  readonly userId: string
  readonly imageId: string
  readonly hostname: string
  readonly host: string
  readonly zone: string | null
  readonly vcpus: number
  readonly memoryMiB: number
  readonly diskGiB: number
  readonly metadata: Readonly<Record<string, string>>
  /** Why it is in ERROR. */
  readonly fault: string | null
  /** ISO 8601 */
  readonly createdAt: string
  readonly updatedAt: string
}
