import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Who } from '../../../kernel/ctx/who.ts'
import type { AuditLog } from '../../../kernel/events/audit.ts'
import type { SshGuest, SshHost, SshVisitor } from '../../../kernel/ssh/guest.ts'
import type { ContainerDeps } from '../deps.ts'
import { archiveFiles } from './files.ts'
import { roomsCalled, type Room } from './rooms.ts'
import { runIn } from './run.ts'

/** Who comes may do this to what he enters, or does not come in. */
const RULE = 'container:container:execute'

/** An open way: who came, and into what. */
interface Way {
  readonly who: Who
  readonly room: Room
}

/**
 * A way into every container and server: `ssh <name or id>@host -p 2222`. The key must be one of the person's Nova keypairs, and he
 * needs the role in the project that running commands by the API needs. What is entered needs no SSH server of its own.
 */
export function sshHost(ctx: Ctx, deps: ContainerDeps, audit: AuditLog): SshHost {
  return {
    async recognise(visitor) {
      const ways = await waysFor(ctx, deps, visitor)
      const [first] = ways
      return first === undefined ? undefined : guestOf(ctx, deps, audit, { visitor, first, ways })
    },
  }
}

async function waysFor(ctx: Ctx, deps: ContainerDeps, visitor: SshVisitor): Promise<Way[]> {
  const users = await deps.compute.usersWithKey(ctx, visitor.key)
  if (users.length === 0) return []
  const ways: Way[] = []
  for (const room of await roomsCalled(ctx, deps, visitor.name)) {
    for (const userId of users) {
      const who = await deps.identity.whoIn(ctx, userId, room.projectId)
      if (who === undefined || !can({ ...ctx, who }, RULE)) continue
      ways.push({ who, room })
      break
    }
  }
  return ways
}

interface Visit {
  readonly visitor: SshVisitor
  readonly first: Way
  readonly ways: readonly Way[]
}

function guestOf(
  ctx: Ctx,
  deps: ContainerDeps,
  audit: AuditLog,
  { visitor, first, ways }: Visit,
): SshGuest {
  const { who, room } = first
  const mine: Ctx = { ...ctx, who }
  const note = (action: string): void =>
    audit.add(mine, {
      action: `container:ssh:${action}`,
      target: room.id,
      outcome: 0,
      reason: `from ${visitor.remoteAddress}`,
    })
  return {
    entered: () => note('enter'),
    left: () => note('leave'),
    async run(wish) {
      if (ways.length > 1) throw ambiguous(visitor.name, ways)
      return await runIn(mine, deps.workload, room, wish)
    },
    files: archiveFiles(mine, deps.workload, room, () => {
      if (ways.length > 1) throw ambiguous(visitor.name, ways)
    }),
  }
}

function ambiguous(name: string, ways: readonly Way[]): Error {
  const list = ways.map(({ room }) => `  ${room.id}  (${room.kind})`).join('\r\n')
  return new Error(`Several are called ${name}. Use the id instead of the name:\r\n${list}`)
}
