import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../ctx/ctx.ts'
import { tables } from '../db/db.ts'
import type { Migration } from '../db/migrate.ts'

/** Who did what to what, with which result. Secrets and request bodies are never in it. */
export interface AuditEvent {
  /** The policy rule's name, e.g. `compute:servers:create`. */
  readonly action: string
  /** Path of the object, or its id. */
  readonly target: string
  /** HTTP status, or 0 for the cloud's own acts. */
  readonly outcome: number
  readonly reason?: string
}

export interface AuditTable {
  id: string
  at: string
  request_id: string
  user_id: string | null
  project_id: string | null
  action: string
  target: string
  outcome: number
  reason: string | null
}

export const auditMigrations: readonly Migration[] = [
  {
    id: '001-audit',
    async up(kysely) {
      await sql`create table audit_events (id text primary key, at text not null, request_id text not null, user_id text,
        project_id text, action text not null, target text not null, outcome integer not null, reason text)`.execute(
        kysely,
      )
      await sql`create index audit_events_at on audit_events (at)`.execute(kysely)
    },
  },
]

const FLUSH_MS = 200
const KEPT_DAYS = 30
const PRUNE_EVERY_FLUSHES = 500

/**
 * Collects audit events and writes them in one transaction every 200 ms, so that a request does not wait for a second
 * disk sync. `close` writes the rest.
 */
export class AuditLog {
  readonly #ctx: () => Ctx
  #waiting: AuditTable[] = []
  #timer: NodeJS.Timeout | undefined
  #flushes = 0

  constructor(ctx: () => Ctx) {
    this.#ctx = ctx
  }

  add(ctx: Ctx, event: AuditEvent): void {
    this.#waiting.push({
      id: randomUUID(),
      at: ctx.now().toISOString(),
      request_id: ctx.requestId,
      user_id: ctx.who?.userId ?? null,
      project_id: ctx.who?.projectId ?? null,
      action: event.action,
      target: event.target.slice(0, 500),
      outcome: event.outcome,
      reason: event.reason?.slice(0, 500) ?? null,
    })
    this.#timer ??= setTimeout(() => void this.#flush(), FLUSH_MS)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#flush()
  }

  async #flush(): Promise<void> {
    this.#timer = undefined
    const rows = this.#waiting
    this.#waiting = []
    if (rows.length === 0) return
    const ctx = this.#ctx()
    try {
      const db = tables<{ audit_events: AuditTable }>(ctx)
      for (let at = 0; at < rows.length; at += 100) {
        await db
          .insertInto('audit_events')
          .values(rows.slice(at, at + 100))
          .execute()
      }
      if (this.#flushes++ % PRUNE_EVERY_FLUSHES === 0) await prune(ctx, db)
    } catch (error) {
      ctx.log.error({ err: error, lost: rows.length }, 'writing audit events')
    }
  }
}

async function prune(ctx: Ctx, db: Kysely<{ audit_events: AuditTable }>): Promise<void> {
  const oldest = new Date(ctx.now().getTime() - KEPT_DAYS * 86_400_000).toISOString()
  await db.deleteFrom('audit_events').where('at', '<', oldest).execute()
}

/** Newest first; for the operator. */
export async function listAuditEvents(ctx: Ctx, limit: number): Promise<readonly AuditTable[]> {
  return await tables<{ audit_events: AuditTable }>(ctx)
    .selectFrom('audit_events')
    .selectAll()
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()
}
