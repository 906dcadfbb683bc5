import { tryRun } from '../../kernel/exec/run.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ContainerSpec, Limits, WorkloadId } from '../../ports/compute.ts'
import { isDockerError } from './client.ts'
import { containerConfig, limitsConfig } from './container-config.ts'
import { readHostname, writeGuestFiles, writeHostname } from './guest-files.ts'
import { imageMissing, type Images } from './images.ts'
import { forgetKept, keepFileSystem, readKept } from './kept.ts'
import { containerName, inspectOwn, labels, sandboxName, type DockerHost } from './names.ts'
import { joins } from './observe.ts'
import { allPrivileges } from './privileges.ts'
import { ensureVolumes, mountVolumes } from './volumes.ts'

/** The workload's own container: made, started, stopped, removed; every call may be repeated. */
export async function createContainer(
  host: DockerHost,
  images: Images,
  spec: ContainerSpec,
): Promise<void> {
  const name = containerName(spec.id)
  const seen = await inspectOwn(host, name)
  if (seen !== undefined) {
    const current = seen.Config.Labels?.[labels.revision] === String(spec.revision)
    const sandboxOf = spec.sandboxOf ?? spec.id
    if (current && joins(seen, await inspectOwn(host, sandboxName(sandboxOf)), sandboxOf)) return
    if (current || spec.keepFiles === true) await keepFileSystem(host, spec, seen)
    else await removeContainer(host, spec.id)
  }
  const kept = await readKept(host, spec)
  const mounts = [
    ...(await writeGuestFiles(host, spec)),
    ...(await ensureVolumes(host, spec)),
    ...(kept?.volumes ?? []),
  ]
  const image = kept?.image ?? images.reference(spec.image)
  try {
    const privileges = spec.privileged === true ? await allPrivileges(host.client) : {}
    const body = containerConfig(spec, { cloud: host.cloud, image, mounts, privileges })
    await host.client.send('POST', '/containers/create', { query: { name }, body })
  } catch (error) {
    if (!isDockerError(error, 404) || !/no such image/i.test(error.message)) throw error
    images.forget(spec.image)
    throw imageMissing(spec.image, error)
  }
}

export async function startContainer(host: DockerHost, id: WorkloadId): Promise<void> {
  const name = containerName(id)
  await mountVolumes(host, id)
  try {
    await host.client.send('POST', `/containers/${name}/start`)
  } catch (error) {
    if (
      !(error instanceof Error) ||
      !/non running container|cannot join network|No such container: [0-9a-f]{64}/i.test(
        error.message,
      )
    )
      throw error
    throw cloudError(
      'conflict',
      `The sandbox of container ${id} is not running: it has to be ensured before the start`,
      { cause: error },
    )
  }
  const hostname = await readHostname(host, id)
  if (hostname !== undefined) await applyHostname(host, id, hostname)
}

export async function setHostname(
  host: DockerHost,
  id: WorkloadId,
  hostname: string,
): Promise<void> {
  await writeHostname(host, id, hostname)
  await applyHostname(host, id, hostname)
}

/** Enters the container's own UTS namespace: Docker takes no host name for a container that joins another's network. */
async function applyHostname(host: DockerHost, id: WorkloadId, hostname: string): Promise<void> {
  const before = await inspectOwn(host, containerName(id))
  if (before === undefined || before.State.Pid === 0) return
  const result = await tryRun('nsenter', [
    '-t',
    String(before.State.Pid),
    '-u',
    'hostname',
    hostname,
  ])
  if (result.code === 0) return
  const after = await inspectOwn(host, containerName(id))
  if (after?.State.Pid !== before.State.Pid) return // it ended meanwhile: short-lived containers do
  throw new Error(`cannot set the host name of container ${id}: ${result.stderr.trim()}`)
}

export async function stopContainer(
  host: DockerHost,
  id: WorkloadId,
  graceSeconds: number,
): Promise<void> {
  const grace = Math.max(0, Math.round(graceSeconds))
  await unless([304, 404], async () => {
    await host.client.send('POST', `/containers/${containerName(id)}/stop`, {
      query: { t: grace },
      timeoutMs: (grace + 120) * 1000,
    })
  })
}

export async function killContainer(
  host: DockerHost,
  id: WorkloadId,
  signal: string,
): Promise<void> {
  try {
    await unless([404, /is not running/], async () => {
      await host.client.send('POST', `/containers/${containerName(id)}/kill`, { query: { signal } })
    })
  } catch (error) {
    if (!isDockerError(error, 400)) throw error
    throw cloudError('badRequest', `'${signal}' is not a signal`, { cause: error })
  }
}

export async function pauseContainer(host: DockerHost, id: WorkloadId): Promise<void> {
  await unless([/already paused/], async () => {
    await host.client.send('POST', `/containers/${containerName(id)}/pause`)
  })
}

export async function unpauseContainer(host: DockerHost, id: WorkloadId): Promise<void> {
  await unless([/not paused/], async () => {
    await host.client.send('POST', `/containers/${containerName(id)}/unpause`)
  })
}

export async function setLimits(host: DockerHost, id: WorkloadId, limits: Limits): Promise<void> {
  await host.client.send('POST', `/containers/${containerName(id)}/update`, {
    body: limitsConfig(limits),
  })
}

/** The container with its anonymous volumes, and what was kept of a former one. */
export async function removeContainer(host: DockerHost, id: WorkloadId): Promise<void> {
  await removeByName(host, containerName(id))
  await forgetKept(host, id)
}

export async function removeByName(host: DockerHost, name: string): Promise<void> {
  const seen = await inspectOwn(host, name)
  if (seen === undefined) return
  try {
    await unless([404], async () => {
      await host.client.send('DELETE', `/containers/${seen.Id}`, {
        query: { force: true, v: true },
      })
    })
  } catch (error) {
    if (!isDockerError(error, 409) || !/already in progress/.test(error.message)) throw error
    // Somebody else is at it (or we were, before a crash): done means gone.
    await unless([404], async () => {
      await host.client.send('POST', `/containers/${seen.Id}/wait`, {
        query: { condition: 'removed' },
      })
    })
  }
}

/** Runs a call whose refusal for one of these reasons means that its work was already done. */
async function unless(
  reasons: readonly (number | RegExp)[],
  call: () => Promise<void>,
): Promise<void> {
  try {
    await call()
  } catch (error) {
    const expected = (reason: number | RegExp): boolean =>
      isDockerError(error) &&
      (typeof reason === 'number' ? error.status === reason : reason.test(error.message))
    if (!reasons.some(expected)) throw error
  }
}
