import { createHash, randomBytes } from 'node:crypto'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { insertConsole, takeConsole } from './store.ts'

/** What one websocket may do: talk to a container's own process, or to one command beside it. */
export interface ConsolePass {
  readonly kind: 'attach' | 'exec'
  readonly containerId: string
  readonly execId: string | undefined
  /** Who asked for it. */
  readonly userId: string
  readonly projectId: string
}

/** The path, below the door's own address, where websockets are opened. */
export const CONSOLE_PATH = '/container/console'

/** Long enough for a person to start a client, short enough for a leaked one to be worthless. */
const VALID_MS = 10 * 60_000

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** `ws://host:port/container/console?token=…`: opens once, for this purpose only, within ten minutes. */
export async function urlFor(
  ctx: Ctx,
  kind: ConsolePass['kind'],
  container: { readonly id: string; readonly projectId: string },
  execId?: string,
): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  await insertConsole(ctx, {
    token_hash: hashOf(token),
    kind,
    container_id: container.id,
    exec_id: execId ?? null,
    user_id: whoOf(ctx).userId,
    project_id: container.projectId,
    expires_at: new Date(ctx.now().getTime() + VALID_MS).toISOString(),
  })
  const query = new URLSearchParams({ token, uuid: container.id })
  if (execId !== undefined) query.set('exec_id', execId)
  // http → ws, https → wss: through the same door, proxies included
  return `${ctx.baseUrl.replace(/^http/, 'ws')}${CONSOLE_PATH}?${query.toString()}`
}

/** What a token permits; undefined when it is unknown, used or too old. It is used up by this. */
export async function redeem(ctx: Ctx, token: string): Promise<ConsolePass | undefined> {
  const row = await takeConsole(ctx, hashOf(token))
  if (row === undefined) return undefined
  return {
    kind: row.kind,
    containerId: row.container_id,
    execId: row.exec_id ?? undefined,
    userId: row.user_id,
    projectId: row.project_id,
  }
}
