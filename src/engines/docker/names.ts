import { parseImageReference } from '../../kernel/archive/reference.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageKey, WorkloadId } from '../../ports/compute.ts'
import type { DockerClient } from './client.ts'

/**
 * Every name outside is made of the id inside, so that a call repeated after a crash finds what it made before. What the
 * cloud owns carries its tag in a label; a container of the right name with another cloud's label counts as not there.
 */
export const labels = {
  cloud: 'stackyard.cloud',
  workload: 'stackyard.workload',
  revision: 'stackyard.revision',
} as const

export const containerName = (id: WorkloadId): string => `sy-${id}`
export const sandboxName = (id: WorkloadId): string => `sy-${id}-net`
export const poolPrefix = (cloud: string): string => `sy${cloud}-pool-`

/** Ids become names of containers and folders; a trailing `-net` would be taken for a sandbox. */
export function isId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id) && !id.endsWith('-net')
}

export function checkId(id: WorkloadId): WorkloadId {
  if (isId(id)) return id
  throw cloudError('badRequest', `'${id}' cannot be the id of a workload`)
}

/** Which workload a container belongs to, by its name with or without the engine's leading slash. */
export function workloadOf(name: string): WorkloadId | undefined {
  return /^\/?sy-([A-Za-z0-9][A-Za-z0-9_-]*?)(-net)?$/.exec(name)?.[1]
}

export const imageRepository = (cloud: string): string => `stackyard/${cloud}`

/** Of every cloud on this host. */
export const OWN_NAMES = /^stackyard\//

/**
 * The name of an image that is not the cloud's own, as the engine is asked for it: always with tag or digest, so that it is
 * never taken for the beginning of an image's id.
 */
export function plainReference(text: string): string {
  const { name, whole } = parseImageReference(text)
  if (!OWN_NAMES.test(name)) return whole
  throw cloudError('badRequest', `'${text}' is a name that the cloud keeps for itself`)
}

/** The name in a key `docker:<reference>`. */
export function namedReference(key: ImageKey): string | undefined {
  return key.startsWith('docker:') ? key.slice('docker:'.length) : undefined
}

/** As many as SHA-256 has. A tag may have 128 characters, and other words stand before these. */
const TAG_DIGITS = 64

/** A key is a digest, so the beginning of its hex part makes the tag. */
export function imageTag(key: ImageKey): string {
  const hex = /^[a-z0-9]+:([0-9a-f]{32,128})$/.exec(key)?.[1]?.slice(0, TAG_DIGITS)
  if (hex === undefined) throw cloudError('badRequest', `'${key}' is not the digest of an image`)
  return hex
}

/** The part of `GET /containers/{id}/json` that is read here. */
export interface Inspected {
  readonly Id: string
  readonly Name: string
  /** Id of the image it was made from. */
  readonly Image: string
  readonly State: {
    readonly Status:
      | 'created'
      | 'running'
      | 'paused'
      | 'restarting'
      | 'removing'
      | 'exited'
      | 'dead'
    readonly Running: boolean
    readonly Paused: boolean
    readonly OOMKilled: boolean
    readonly Pid: number
    readonly Health?: { readonly Status: string }
    readonly ExitCode: number
    readonly StartedAt: string
    readonly FinishedAt: string
  }
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>> | null
    readonly Tty: boolean
  }
  readonly HostConfig: {
    readonly NetworkMode: string
    readonly CpuQuota: number
    readonly Memory: number
    readonly PidsLimit: number | null
  }
  readonly Mounts: readonly {
    readonly Type: string
    readonly Name?: string
    readonly Destination: string
  }[]
}

/** What every part of this engine works with. */
export interface DockerHost {
  readonly client: DockerClient
  readonly cloud: string
  /** Guest files of workload `id` live in `<folder>/<id>`. */
  readonly folder: string
}

/** A container of this cloud by name, or undefined. */
export async function inspectOwn(host: DockerHost, name: string): Promise<Inspected | undefined> {
  const found = await host.client.find<Inspected>(`/containers/${name}/json`)
  return found?.Config.Labels?.[labels.cloud] === host.cloud ? found : undefined
}

export function cloudFilter(
  host: DockerHost,
  more: Record<string, readonly string[]> = {},
): string {
  return JSON.stringify({ label: [`${labels.cloud}=${host.cloud}`], ...more })
}
