import { setTimeout as sleep } from 'node:timers/promises'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { WorkloadId } from '../../ports/compute.ts'
import type {
  ContainerStream,
  ExecSession,
  OpenExecWish,
  TerminalSize,
} from '../../ports/container-streams.ts'
import { isDockerError } from './client.ts'
import { refusal } from './exec.ts'
import { containerName, inspectOwn, type DockerHost } from './names.ts'
import { killWithChildren } from './processes.ts'
import { containerStream } from './streams.ts'

/**
 * Keys that let go of a terminal are Docker's invention and swallow what people type (its default begins with ctrl-p). A
 * command of one's own is left by ending it: there a sequence that nobody types takes their place. A container's own process
 * is to live on, so `attach` keeps the default.
 */
const DETACH_KEYS = 'ctrl-^,ctrl-_,ctrl-^,ctrl-_'
const LOST = 255
/** The engine notes the exit code a moment after the output has ended. */
const LOOK_MS = 20

/** The part of `GET /exec/{id}/json` that is read here. */
interface Exec {
  readonly ContainerID: string
  readonly Running: boolean
  readonly ExitCode: number | null
  readonly Pid: number
  readonly ProcessConfig: { readonly tty: boolean }
}

export async function attach(host: DockerHost, id: WorkloadId): Promise<ContainerStream> {
  const seen = await inspectOwn(host, containerName(id))
  if (seen === undefined) throw cloudError('notFound', `There is no container of ${id} on the host`)
  if (!seen.State.Running || seen.State.Paused)
    throw cloudError('conflict', `Container ${id} is not running`)
  const query = { stream: true, stdin: true, stdout: true, stderr: true }
  const hijacked = await host.client.hijack(`/containers/${seen.Id}/attach`, { query })
  return containerStream(hijacked, seen.Config.Tty)
}

export async function prepareExec(
  host: DockerHost,
  id: WorkloadId,
  wish: OpenExecWish,
): Promise<string> {
  const body = {
    AttachStdin: wish.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: wish.tty,
    DetachKeys: DETACH_KEYS,
    Cmd: wish.command,
    Env: Object.entries(wish.env ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(wish.user === undefined ? {} : { User: wish.user }),
    ...(wish.workdir === undefined ? {} : { WorkingDir: wish.workdir }),
  }
  try {
    const path = `/containers/${containerName(id)}/exec`
    return (await host.client.call<{ Id: string }>('POST', path, { body })).Id
  } catch (error) {
    throw refusal(id, error)
  }
}

export async function startExec(
  host: DockerHost,
  id: WorkloadId,
  execId: string,
): Promise<ExecSession> {
  const { ProcessConfig, Running, ExitCode } = await findExec(host, id, execId)
  // the engine would say so inside the stream, where it passes for output
  if (Running || ExitCode !== null)
    throw cloudError('conflict', `The command ${execId} was started before`)
  const body = { Detach: false, Tty: ProcessConfig.tty }
  const hijacked = await host.client
    .hijack(`/exec/${execId}/start`, { body })
    .catch((error: unknown) => {
      if (!isDockerError(error, 409)) throw refusal(id, error)
      throw cloudError('conflict', `The command ${execId} cannot be started`, { cause: error })
    })
  const stream = containerStream(hijacked, ProcessConfig.tty)
  let closed = false
  const ended = new Promise<void>((resolve) => hijacked.socket.once('close', resolve))
  return {
    ...stream,
    id: execId,
    resize: async (size) => await resizeExec(host, id, execId, size),
    close: () => {
      closed = true
      stream.close()
    },
    exited: ended.then(async () => await exitCode(host, execId, () => closed)).catch(() => LOST),
  }
}

export async function resizeExec(
  host: DockerHost,
  id: WorkloadId,
  execId: string,
  size: TerminalSize,
): Promise<void> {
  const ended = `The command ${execId} is not running`
  const { Running } = await findExec(host, id, execId)
  if (!Running) throw cloudError('conflict', ended)
  await resize(host, `/exec/${execId}/resize`, size, ended)
}

export async function resizeTty(
  host: DockerHost,
  id: WorkloadId,
  size: TerminalSize,
): Promise<void> {
  const path = `/containers/${containerName(id)}/resize`
  await resize(host, path, size, `Container ${id} is not running`).catch((error: unknown) => {
    throw refusal(id, error)
  })
}

async function resize(
  host: DockerHost,
  path: string,
  size: TerminalSize,
  refused: string,
): Promise<void> {
  try {
    await host.client.send('POST', path, { query: { h: size.rows, w: size.columns } })
  } catch (error) {
    const ended =
      isDockerError(error, 409) ||
      (isDockerError(error) && /not running|no such exec|not found/i.test(error.message))
    if (!ended || isDockerError(error, 404)) throw error
    throw cloudError('conflict', refused, { cause: error })
  }
}

/** A command of this workload's own container: an id alone opens no door to others. */
async function findExec(host: DockerHost, id: WorkloadId, execId: string): Promise<Exec> {
  const missing = cloudError('notFound', `Container ${id} has no command ${execId}`)
  if (!/^[0-9a-f]{64}$/.test(execId)) throw missing
  const [exec, container] = await Promise.all([
    host.client.find<Exec>(`/exec/${execId}/json`),
    inspectOwn(host, containerName(id)),
  ])
  if (exec === undefined || exec.ContainerID !== container?.Id) throw missing
  return exec
}

/** After the connection ended: by the command, or by us, who let nothing of it run on. */
async function exitCode(host: DockerHost, execId: string, closed: () => boolean): Promise<number> {
  for (;;) {
    const seen = await host.client.find<Exec>(`/exec/${execId}/json`)
    if (seen === undefined) return LOST
    if (!seen.Running && seen.ExitCode !== null) return seen.ExitCode
    if (closed()) await killWithChildren(seen.Pid)
    await sleep(LOOK_MS)
  }
}
