import { setTimeout as sleep } from 'node:timers/promises'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ExecResult, ExecWish, WorkloadId } from '../../ports/compute.ts'
import { isDockerError } from './client.ts'
import { withoutFrames } from './logs.ts'
import { containerName, type DockerHost } from './names.ts'
import { killWithChildren } from './processes.ts'

const MOST_BYTES = 1024 * 1024
/** The engine notes the exit code a moment after the output has ended. */
const LOOK_MS = 20

/** The part of `GET /exec/{id}/json` that is read here. */
interface Exec {
  readonly Running: boolean
  readonly ExitCode: number | null
  readonly Pid: number
}

/** A command beside the workload's own process: made, started, read to its end, asked for its exit code. */
export async function execIn(
  host: DockerHost,
  id: WorkloadId,
  wish: ExecWish,
): Promise<ExecResult> {
  const deadline = AbortSignal.timeout(wish.timeoutMs)
  try {
    const exec = await createExec(host, id, wish)
    const output = await readOutput(host, exec, deadline)
    const exitCode = await endOf(host, exec, deadline)
    if (exitCode === undefined)
      throw cloudError('conflict', `The command did not end within ${wish.timeoutMs / 1000} s`)
    return { exitCode, output }
  } catch (error) {
    throw refusal(id, error)
  }
}

async function createExec(host: DockerHost, id: WorkloadId, wish: ExecWish): Promise<string> {
  const body = {
    AttachStdout: true,
    AttachStderr: true,
    Cmd: wish.command,
    Env: Object.entries(wish.env ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(wish.user === undefined ? {} : { User: wish.user }),
  }
  const path = `/containers/${containerName(id)}/exec`
  return (await host.client.call<{ Id: string }>('POST', path, { body })).Id
}

/** All output is read, so that the command does not hang on a full pipe; what is beyond the limit is thrown away. */
async function readOutput(host: DockerHost, exec: string, deadline: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    const stream = await host.client.open('POST', `/exec/${exec}/start`, {
      body: { Detach: false, Tty: false },
      timeoutMs: 0,
      signal: deadline,
    })
    for await (const chunk of stream) {
      if (!Buffer.isBuffer(chunk) || bytes >= MOST_BYTES) continue
      chunks.push(chunk)
      bytes += chunk.length
    }
  } catch (error) {
    // the command may have ended all the same: a child that it left behind can hold its output open
    if (!deadline.aborted) throw error
  }
  return withoutFrames(Buffer.concat(chunks).subarray(0, MOST_BYTES)).toString()
}

/** Its exit code; undefined when it still ran at the deadline, and was killed. */
async function endOf(
  host: DockerHost,
  exec: string,
  deadline: AbortSignal,
): Promise<number | undefined> {
  for (;;) {
    const late = deadline.aborted
    const seen = await host.client.call<Exec>('GET', `/exec/${exec}/json`)
    if (!seen.Running && seen.ExitCode !== null) return seen.ExitCode
    if (late) {
      await killWithChildren(seen.Pid)
      return undefined
    }
    await sleep(LOOK_MS)
  }
}

/** 404: no container, or it was removed meanwhile. 409: it does not run, or is paused. */
export function refusal(id: WorkloadId, error: unknown): unknown {
  if (isDockerError(error, 404))
    return cloudError('notFound', `There is no container of ${id} on the host`, { cause: error })
  if (isDockerError(error, 409))
    return cloudError('conflict', `Container ${id} is not running`, { cause: error })
  return error
}
