import type { SeenWorkload, WorkloadId } from '../../ports/compute.ts'
import { limitsOf } from './container-config.ts'
import { listGuestFolders } from './guest-files.ts'
import {
  cloudFilter,
  containerName,
  inspectOwn,
  isId,
  labels,
  sandboxName,
  workloadOf,
  type DockerHost,
  type Inspected,
} from './names.ts'
import { netnsOf } from './sandboxes.ts'

/** What is: one workload, and all of them. */
export async function observe(
  host: DockerHost,
  id: WorkloadId,
  sandboxOf: WorkloadId = id,
): Promise<SeenWorkload> {
  const [sandbox, container] = await Promise.all([
    inspectOwn(host, sandboxName(sandboxOf)),
    inspectOwn(host, containerName(id)),
  ])
  const seen = seenContainer(container)
  const there = seen.container !== 'absent'
  return {
    ...seenSandbox(sandbox),
    ...seen,
    ...(there && container !== undefined && !joins(container, sandbox, sandboxOf)
      ? { stranded: true }
      : {}),
  }
}

/** A container keeps the id of the sandbox it was made with; when that one was removed and made anew, it cannot start again. */
export function joins(
  container: Inspected,
  sandbox: Inspected | undefined,
  sandboxOf: WorkloadId,
): boolean {
  const joined = container.HostConfig.NetworkMode.replace('container:', '')
  return sandbox === undefined || joined === sandbox.Id || joined === sandboxName(sandboxOf)
}

export async function listWorkloads(host: DockerHost): Promise<readonly WorkloadId[]> {
  const [containers, folders] = await Promise.all([
    host.client.call<{ Names: string[] }[]>('GET', '/containers/json', {
      query: { all: true, filters: cloudFilter(host) },
    }),
    listGuestFolders(host),
  ])
  const named = containers.flatMap(({ Names }) => Names.flatMap((name) => workloadOf(name) ?? []))
  return [...new Set([...named, ...folders.filter(isId)])]
}

function seenSandbox(sandbox: Inspected | undefined): Pick<SeenWorkload, 'sandbox' | 'netns'> {
  if (sandbox === undefined) return { sandbox: 'absent' }
  const netns = netnsOf(sandbox)
  return netns === undefined ? { sandbox: 'stopped' } : { sandbox: 'running', netns }
}

function seenContainer(container: Inspected | undefined): Omit<SeenWorkload, 'sandbox' | 'netns'> {
  if (container === undefined) return { container: 'absent' }
  const { State, Config, HostConfig } = container
  const state = stateOf(State.Status)
  if (state === 'absent') return { container: 'absent' }
  return {
    container: state,
    revision: Number(Config.Labels?.[labels.revision] ?? 0),
    limits: limitsOf(HostConfig),
    ...(state === 'running' ? healthOf(State) : {}),
    ...(state === 'exited' ? { exitCode: State.ExitCode, oomKilled: State.OOMKilled } : {}),
    ...timeOf('startedAt', State.StartedAt),
    ...(state === 'exited' ? timeOf('finishedAt', State.FinishedAt) : {}),
  }
}

function healthOf({ Health }: Inspected['State']): Pick<SeenWorkload, 'health'> {
  const status = Health?.Status
  const known = status === 'starting' || status === 'healthy' || status === 'unhealthy'
  return known ? { health: status } : {}
}

/** Pure: the engine's word for a container in ours. */
export function stateOf(status: Inspected['State']['Status']): SeenWorkload['container'] {
  switch (status) {
    case 'created':
    case 'running':
    case 'paused':
      return status
    case 'restarting': // nobody asks Docker to restart containers, so this is between two states
      return 'running'
    case 'exited':
    case 'dead':
      return 'exited'
    case 'removing': // killed by who removes it: it cannot start any more, and is no process that ended by itself
      return 'absent'
  }
}

/** The engine writes the year 1 for «never». */
function timeOf<K extends string>(key: K, time: string): { readonly [key in K]?: string } {
  if (time.startsWith('0001-')) return {}
  const result: { [key in K]?: string } = {}
  result[key] = new Date(time).toISOString()
  return result
}
