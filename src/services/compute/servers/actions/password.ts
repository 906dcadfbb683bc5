import { Type } from '../../../../kernel/schema/type.ts'
import { asCloud, type Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { cloudError, isCloudError, reasonOf } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ExecResult } from '../../../../ports/compute.ts'
import type { ComputeDeps } from '../../deps.ts'
import { serverFor, type LiveServer } from '../act.ts'
import { Password } from '../create-schema.ts'
import { endAction, logAction } from '../instance-actions/store.ts'
import type { Server } from '../schema.ts'
import { serverAction } from '../on-server.ts'

/** An image may keep the tools of administrators out of its search path. */
const SCRIPT =
  'PATH="$PATH:/usr/sbin:/sbin"; printf "%s:%s\\n" "$STACKYARD_USER" "$STACKYARD_PASSWORD" | chpasswd'
const TIMEOUT_MS = 15_000
const SAID_LENGTH = 200
/** chpasswd reads a line `user:password`. */
const USER = /^[^:\p{Cc}]{1,255}$/u
const ONE_LINE = /^[^\n\r\0]*$/

/** Sets the password of the image's administrator (property `os_admin_user`, else root) by the guest's own chpasswd. */
export function passwordActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('changePassword', 'os-admin-password'),
      body: Type.Object({ adminPass: Password }, { additionalProperties: false }),
      status: 202,
      handle: async (ctx, { params, body }) => {
        const live = await serverFor(ctx, deps, params.id, 'changePassword')
        if (!ONE_LINE.test(body.adminPass))
          throw cloudError('badRequest', 'Invalid input for field adminPass: it has a line break.')
        await changePassword(ctx, deps, live, body.adminPass)
      },
    }),
  ]
}

async function changePassword(
  ctx: Ctx,
  deps: ComputeDeps,
  { server }: LiveServer,
  password: string,
): Promise<void> {
  const user = await adminOf(ctx, deps, server)
  const { id, projectId, host } = server
  const refusal = await tryPassword(ctx, deps, id, user, password)
  await inTx(ctx, async (tx) => {
    const action = { serverId: id, projectId, host, action: 'changePassword', generation: null }
    await endAction(tx, await logAction(tx, action), refusal)
  })
  if (refusal !== undefined)
    throw cloudError('conflict', `Failed to set admin password on ${id} because ${refusal}`)
}

async function adminOf(ctx: Ctx, deps: ComputeDeps, server: Server): Promise<string> {
  // as the cloud: the image may have been shared with the owner of the server once, and no more
  const image = await deps.image.findImage(asCloud(ctx), server.imageId)
  const user = image?.properties['os_admin_user'] ?? 'root'
  if (USER.test(user)) return user
  throw cloudError(
    'conflict',
    `Failed to set admin password on ${server.id} because the property os_admin_user of its image is no name of a user`,
  )
}

/** Why it did not work; undefined when it did. */
async function tryPassword(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  user: string,
  password: string,
): Promise<string | undefined> {
  try {
    const result = await deps.workload.exec(ctx, id, {
      command: ['/bin/sh', '-c', SCRIPT],
      // not in the command line, which the engine tells everybody who follows its events
      env: { STACKYARD_USER: user, STACKYARD_PASSWORD: password },
      user: '0',
      timeoutMs: TIMEOUT_MS,
    })
    return refusalOf(result, user, password)
  } catch (error) {
    if (isCloudError(error)) return reasonOf(error)
    throw error
  }
}

function refusalOf(
  { exitCode, output }: ExecResult,
  user: string,
  password: string,
): string | undefined {
  if (exitCode === 0) return undefined
  if (exitCode === 126 || exitCode === 127)
    return 'its image has no chpasswd, or no /bin/sh to run it: log in with a keypair instead'
  const said = output.trim().slice(0, SAID_LENGTH)
  const told = said === '' || said.includes(password) ? `it ended with ${exitCode}` : said
  return `chpasswd in the guest refuses it for user ${user}: ${told}`
}
