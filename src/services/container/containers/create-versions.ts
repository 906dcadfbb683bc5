import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { CreateBody } from './create-schema.ts'

/** Since when a field of `POST /containers` may be given, where its schema does not say so. */
const SINCE: Partial<Readonly<Record<keyof CreateBody, string>>> = {
  auto_remove: '1.3',
  runtime: '1.5',
  hostname: '1.9',
  mounts: '1.11',
  privileged: '1.21',
  healthcheck: '1.22',
  exposed_ports: '1.24',
  published_ports: '1.24',
  cpu_policy: '1.28',
  registry: '1.31',
}

/** 400 for a field that the asked version does not know yet. */
export function mustKnowFields(version: string, body: CreateBody): void {
  for (const [field, since] of Object.entries(SINCE)) {
    const value = body[field as keyof CreateBody] // a key of SINCE
    const given =
      value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)
    if (given && !atLeast(version, since)) throw tooOld(field, since)
  }
  if ((body.mounts ?? []).some((mount) => mount.type !== undefined) && !atLeast(version, '1.23'))
    throw tooOld('mounts.type', '1.23')
}

function tooOld(field: string, since: string): Error {
  return cloudError(
    'badRequest',
    `Invalid param ${field} because the current request version is too old: ${field} is known from version ${since} on.`,
    { code: 'invalid-param-in-version' },
  )
}
