import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Server } from './schema.ts'
import type { Status } from './status.ts'

interface Rule {
  /** vm_states in which it may be asked for; missing means any. */
  readonly in?: readonly string[]
  /** Also while a task is under way. */
  readonly duringTask?: true
  /** Also when the server is locked. */
  readonly evenLocked?: true
}

/** What may be asked of a server in which state: the API's 409s and the dashboard's disabled buttons come from here. */
export const serverCan = {
  start: { in: ['stopped'] },
  stop: { in: ['active', 'error'] },
  reboot: { in: ['active'] },
  'reboot hard': { in: ['active', 'stopped', 'paused', 'suspended', 'error'] },
  pause: { in: ['active'] },
  unpause: { in: ['paused'] },
  suspend: { in: ['active'] },
  resume: { in: ['suspended'] },
  rebuild: { in: ['active', 'stopped', 'error'] },
  resize: { in: ['active', 'stopped'] },
  confirmResize: { in: ['resized'] },
  revertResize: { in: ['resized'] },
  createImage: { in: ['active', 'stopped', 'paused', 'suspended'], evenLocked: true },
  createBackup: { in: ['active', 'stopped', 'paused', 'suspended'], evenLocked: true },
  shelve: { in: ['active', 'stopped', 'paused', 'suspended'] },
  shelveOffload: { in: ['shelved'] },
  unshelve: { in: ['shelved', 'shelved_offloaded'] },
  rescue: { in: ['active', 'stopped', 'error'] },
  unrescue: { in: ['rescued'] },
  restore: { in: ['soft-delete'] },
  attach_interface: { in: ['active', 'paused', 'stopped'] },
  detach_interface: { in: ['active', 'paused', 'stopped'] },
  migrate: { in: ['active', 'stopped'] },
  'os-migrateLive': { in: ['active', 'paused'] },
  evacuate: { in: ['active', 'stopped', 'error'], duringTask: true },
  changePassword: { in: ['active'] },
  trigger_crash_dump: { in: ['active', 'paused', 'rescued', 'resized', 'error'] },
  update_metadata: { in: ['active', 'paused', 'suspended', 'stopped'] },
  delete_metadata: { in: ['active', 'paused', 'suspended', 'stopped'] },
  delete: { duringTask: true },
} as const satisfies Record<string, Rule>

export type ServerVerb = keyof typeof serverCan

/** 409 in Nova's words unless the verb is allowed now; a locked server obeys administrators only. */
export function mustAllow(ctx: Ctx, server: Server, status: Status, verb: ServerVerb): void {
  const rule: Rule = serverCan[verb]
  if (rule.evenLocked !== true && server.locked && !can(ctx, 'admin'))
    throw cloudError('conflict', `Instance ${server.id} is locked`)
  const name = verb === 'reboot hard' ? 'reboot' : verb
  if (rule.in !== undefined && !rule.in.includes(status.vmState)) {
    throw cloudError(
      'conflict',
      `Cannot '${name}' instance ${server.id} while it is in vm_state ${status.vmState}`,
    )
  }
  // a second hard reboot is the way out of a first that hangs
  const again =
    verb === 'reboot hard' &&
    (status.taskState === 'rebooting' || status.taskState === 'rebooting_hard')
  if (rule.duringTask !== true && !again && status.taskState !== null) {
    throw cloudError(
      'conflict',
      `Cannot '${name}' instance ${server.id} while it is in task_state ${status.taskState}`,
    )
  }
}
