import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { splitCommand } from '../../../kernel/text/split-command.ts'
import { toBoolean } from '../wire/schemas.ts'
import type { CreateBody, HealthWish, MountWish, RestartWish } from './create-schema.ts'
import type { Healthcheck, Mount, RestartPolicy } from './schema.ts'

/** Pure: what a request says, in the words that rows keep. Wrong combinations are a 400. */
export function commandOf(command: CreateBody['command']): readonly string[] | null {
  if (command === undefined || command === null) return null
  const words = typeof command === 'string' ? splitCommand(command) : command
  return words.length === 0 ? null : words
}

/** Up to 1.35 a terminal came with `interactive`. */
export function ttyOf(version: string, body: Pick<CreateBody, 'interactive' | 'tty'>): boolean {
  return toBoolean(atLeast(version, '1.36') ? body.tty : body.interactive)
}

export function restartPolicyOf(
  wish: RestartWish | null | undefined,
  autoRemove: boolean,
): RestartPolicy {
  if (wish === undefined || wish === null) return { Name: 'no', MaximumRetryCount: '0' }
  const count = Number(wish.MaximumRetryCount ?? 0)
  if ((wish.Name === 'always' || wish.Name === 'unless-stopped') && count !== 0)
    throw cloudError(
      'badRequest',
      `maximum retry count not valid with restart policy of ${wish.Name}`,
    )
  if (autoRemove && wish.Name !== 'no')
    throw cloudError(
      'badRequest',
      `A container with auto_remove goes when its process ends: it cannot be restarted (restart policy ${wish.Name}).`,
    )
  return { Name: wish.Name, MaximumRetryCount: String(wish.Name === 'no' ? 0 : count) }
}

export function healthcheckOf(wish: HealthWish | null | undefined): Healthcheck | null {
  if (wish === undefined || wish === null) return null
  return {
    test: wish.cmd,
    ...(typeof wish.interval === 'number' ? { interval: wish.interval } : {}),
    ...(typeof wish.retries === 'number' ? { retries: wish.retries } : {}),
    ...(typeof wish.timeout === 'number' ? { timeout: wish.timeout } : {}),
  }
}

/** One injected file may have this many bytes. */
const MOST_FILE_BYTES = 512 * 1024
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/

export function mountsOf(wishes: readonly MountWish[] | null | undefined): readonly Mount[] {
  const mounts = (wishes ?? []).map(mountOf)
  const places = mounts.map(({ destination }) => destination)
  const twice = places.find((place, at) => places.indexOf(place) !== at)
  if (twice !== undefined)
    throw cloudError('badRequest', `Two mounts have the destination ${twice}.`)
  return mounts
}

function mountOf(wish: MountWish): Mount {
  const destination = absolute(wish.destination)
  if (wish.type === 'bind') return { type: 'bind', source: fileContent(wish), destination }
  if (wish.source !== undefined && wish.source !== '')
    throw cloudError(
      'badRequest',
      `Volume ${wish.source.slice(0, 100)} cannot be mounted at ${destination}: this cloud has no block storage service yet. A mount may be a file (type bind, its content in base64 as source) or a new volume (size in GiB).`,
    )
  if (wish.size === undefined)
    throw cloudError(
      'badRequest',
      `The mount at ${destination} needs a size (a new volume, in GiB) or type bind with a source.`,
    )
  const sizeGiB = Number(wish.size)
  if (sizeGiB < 1 || sizeGiB > 1024)
    throw cloudError('badRequest', `A volume's size of ${sizeGiB} GiB is not between 1 and 1024.`)
  return { type: 'volume', sizeGiB, destination }
}

function fileContent({ source, destination }: MountWish): string {
  if (source === undefined)
    throw cloudError('badRequest', `The file at ${destination} needs its content as source.`)
  if (!BASE64.test(source))
    throw cloudError('badRequest', `The content of the file at ${destination} is not base64.`)
  const bytes = Buffer.from(source, 'base64')
  if (bytes.length > MOST_FILE_BYTES)
    throw cloudError(
      'badRequest',
      `The file at ${destination} has ${bytes.length} bytes, more than the ${MOST_FILE_BYTES} allowed.`,
    )
  return bytes.toString('base64')
}

/** Below the root, without `.` and `..`: a file must not leave the container. */
function absolute(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (!path.startsWith('/') || parts.length === 0 || parts.includes('..'))
    throw cloudError('badRequest', `The destination ${path.slice(0, 200)} is not an absolute path.`)
  return `/${parts.join('/')}`
}
