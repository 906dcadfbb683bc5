import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { isCloudError } from '../../../kernel/errors/cloud-error.ts'
import type { SshProcess, SshRun } from '../../../kernel/ssh/guest.ts'
import type { WorkloadFace } from '../../workload/face.ts'
import type { Room } from './rooms.ts'

/** The best shell that is there, as a login shell. */
const LOGIN =
  'cd "${HOME:-/}" 2>/dev/null; if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi'

/** A command beside the room's own process, or a login shell; ends with the connection. */
export async function runIn(
  ctx: Ctx,
  workload: WorkloadFace,
  room: Room,
  wish: SshRun,
): Promise<SshProcess> {
  const { terminal } = wish
  const script = wish.command ?? LOGIN
  try {
    const session = await workload.openExec(ctx, room.id, {
      command: ['/bin/sh', '-c', script],
      env: { ...wish.env, ...(terminal === undefined ? {} : { TERM: terminal.name }) },
      tty: terminal !== undefined,
      stdin: true,
    })
    if (terminal !== undefined) await session.resize(terminal).catch(() => undefined) // ended already
    return {
      stdin: session.stdin,
      stdout: session.stdout,
      stderr: session.stderr,
      resize: async (size) => await session.resize(size),
      close: () => session.close(),
      exited: session.exited,
    }
  } catch (error) {
    if (isCloudError(error, 'conflict'))
      throw new Error(`The ${room.kind} ${room.name} is not running: start it first.`, {
        cause: error,
      })
    throw error
  }
}
