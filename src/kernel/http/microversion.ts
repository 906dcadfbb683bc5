import type { IncomingHttpHeaders } from 'node:http'
import { cloudError } from '../errors/cloud-error.ts'

/** Range of microversions a service truly implements, and the headers by which clients ask. */
export interface MicroversionRange {
  /** As in `OpenStack-API-Version: compute 2.90`. */
  readonly serviceType: string
  /** e.g. `X-OpenStack-Nova-API-Version`, asked and answered beside the standard one. */
  readonly legacyHeader?: string
  readonly min: string
  readonly max: string
  /** Every answer names the range too (`OpenStack-API-Minimum-Version`, …), where the original does so. */
  readonly announcesRange?: true
}

const order = (version: string): number => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major * 100_000 + minor
}

/** Is `a` at least `b`? */
export function atLeast(a: string, b: string): boolean {
  return order(a) >= order(b)
}

export function within(
  version: string,
  since: string | undefined,
  until: string | undefined,
): boolean {
  return (
    (since === undefined || atLeast(version, since)) &&
    (until === undefined || atLeast(until, version))
  )
}

/** The version a request asks for: the minimum by default, the maximum for `latest`; 400 when unreadable, 406 out of range. */
export function negotiate(range: MicroversionRange, headers: IncomingHttpHeaders): string {
  const asked = askedFor(range, headers)
  if (asked === undefined) return range.min
  if (asked === 'latest') return range.max
  if (!/^[1-9]\d{0,2}\.(0|[1-9]\d{0,4})$/.test(asked)) {
    throw cloudError(
      'badRequest',
      `API Version String ${asked.slice(0, 40)} is of invalid format. Must be of format MajorNum.MinorNum.`,
    )
  }
  if (!within(asked, range.min, range.max)) {
    throw cloudError(
      'notAcceptable',
      `Version ${asked} is not supported by the API. Minimum is ${range.min} and maximum is ${range.max}.`,
    )
  }
  return asked
}

function askedFor(range: MicroversionRange, headers: IncomingHttpHeaders): string | undefined {
  const standard = headers['openstack-api-version']
  for (const item of typeof standard === 'string' ? standard.split(',') : []) {
    const [type, version] = item.trim().split(/\s+/)
    if (type?.toLowerCase() === range.serviceType && version !== undefined) return version
  }
  const legacy =
    range.legacyHeader === undefined ? undefined : headers[range.legacyHeader.toLowerCase()]
  return typeof legacy === 'string' ? legacy.trim() : undefined
}

/** Headers that every answer of the service carries. */
export function versionHeaders(range: MicroversionRange, version: string): Record<string, string> {
  const headers: Record<string, string> = {
    'OpenStack-API-Version': `${range.serviceType} ${version}`,
    Vary:
      range.legacyHeader === undefined
        ? 'OpenStack-API-Version'
        : `OpenStack-API-Version, ${range.legacyHeader}`,
  }
  if (range.legacyHeader !== undefined) headers[range.legacyHeader] = version
  if (range.announcesRange === true) {
    headers['OpenStack-API-Minimum-Version'] = `${range.serviceType} ${range.min}`
    headers['OpenStack-API-Maximum-Version'] = `${range.serviceType} ${range.max}`
  }
  return headers
}
