import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import {
  containerFormats,
  diskFormats,
  statuses,
  visibilities,
  type Visibility,
} from '../images/schema.ts'

const comparisons = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte'] as const
type Comparison = (typeof comparisons)[number]

/** Columns that take one value or `in:a,b`. */
const texts = [
  'id',
  'name',
  'status',
  'container_format',
  'disk_format',
  'checksum',
  'os_hash_value',
  'owner',
] as const
const numbers = ['size', 'virtual_size', 'min_ram', 'min_disk'] as const
const times = ['created_at', 'updated_at'] as const
const paging = new Set(['limit', 'marker', 'sort', 'sort_key', 'sort_dir'])
const memberStatuses = ['pending', 'accepted', 'rejected', 'all'] as const
type MemberStatus = (typeof memberStatuses)[number]

/** What a list request asks for, parsed; `store.ts` turns it into SQL. */
export interface ImageFilters {
  readonly visibility?: Visibility | 'all'
  /** Which of the images shared with the asking project: those whose invitation has this status. */
  readonly memberStatus: MemberStatus
  readonly hidden: boolean
  readonly protected?: boolean
  readonly tags: readonly string[]
  readonly texts: readonly {
    readonly column: (typeof texts)[number]
    readonly values: readonly string[]
  }[]
  readonly numbers: readonly {
    readonly column: (typeof numbers)[number]
    readonly op: '=' | '>=' | '<='
    readonly value: number
  }[]
  readonly times: readonly {
    readonly column: (typeof times)[number]
    readonly op: Comparison
    readonly second: string
    readonly next: string
  }[]
  readonly properties: readonly { readonly name: string; readonly value: string }[]
}

type Mutable = {
  -readonly [K in keyof ImageFilters]: ImageFilters[K] extends readonly (infer T)[]
    ? T[]
    : ImageFilters[K]
}

/** Reads the query of `GET /v2/images`. Keys that name no attribute ask for a custom property of that value. */
export function readFilters(query: URLSearchParams): ImageFilters {
  const filters: Mutable = {
    memberStatus: 'accepted',
    hidden: false,
    tags: [],
    texts: [],
    numbers: [],
    times: [],
    properties: [],
  }
  for (const [key, value] of query) {
    if (!paging.has(key)) readFilter(filters, key, value)
  }
  return filters
}

function readFilter(filters: Mutable, key: string, value: string): void {
  const text = texts.find((column) => column === key)
  if (text !== undefined)
    return void filters.texts.push({ column: text, values: oneOrMany(text, value) })
  const time = times.find((column) => column === key)
  if (time !== undefined) return void filters.times.push({ column: time, ...readTime(key, value) })
  const number = /^(size|virtual_size|min_ram|min_disk)(?:_(min|max))?$/.exec(key)
  if (number !== null) {
    const column = numbers.find((candidate) => candidate === number[1]) ?? 'size'
    const op = number[2] === 'min' ? '>=' : number[2] === 'max' ? '<=' : '='
    return void filters.numbers.push({ column, op, value: wholeNumber(key, value) })
  }
  switch (key) {
    case 'visibility':
      filters.visibility = oneOf(key, value, [...visibilities, 'all'] as const)
      return
    case 'member_status':
      filters.memberStatus = oneOf(key, value, memberStatuses)
      return
    case 'os_hidden':
      filters.hidden = readBoolean(key, value)
      return
    case 'protected':
      filters.protected = readBoolean(key, value)
      return
    case 'tag':
      filters.tags.push(value)
      return
    default:
      filters.properties.push({ name: key, value })
  }
}

function oneOf<T extends string>(key: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined)
    throw cloudError(
      'badRequest',
      `Invalid value of ${key}: '${value.slice(0, 60)}'. It must be one of ${allowed.join(', ')}.`,
    )
  return found
}

function readBoolean(key: string, value: string): boolean {
  return oneOf(key, value.toLowerCase(), ['true', 'false'] as const) === 'true'
}

function wholeNumber(key: string, value: string): number {
  const number = Number(value)
  if (!/^\d{1,19}$/.test(value) || !Number.isSafeInteger(number)) {
    throw cloudError(
      'badRequest',
      `Invalid value of ${key}: '${value.slice(0, 60)}' is not a whole number, 0 or more.`,
    )
  }
  return number
}

/** A leading `op:`, if it is one; any other colon belongs to the value. */
function splitOperator(value: string): { op: Comparison | 'in' | undefined; rest: string } {
  const at = value.indexOf(':')
  const word = value.slice(0, Math.max(at, 0))
  const op = [...comparisons, 'in' as const].find((candidate) => candidate === word)
  return { op, rest: op === undefined ? value : value.slice(at + 1) }
}

function oneOrMany(column: string, value: string): string[] {
  const { op, rest } = splitOperator(value)
  if (op !== undefined && op !== 'in' && op !== 'eq') {
    throw cloudError(
      'badRequest',
      `Unable to filter by ${column} with the operator ${op}: only in and eq are possible.`,
    )
  }
  const values = op === 'in' ? splitQuoted(column, rest) : [rest]
  const known: Record<string, readonly string[]> = {
    status: statuses,
    container_format: containerFormats,
    disk_format: diskFormats,
  }
  const allowed = known[column]
  for (const item of values) {
    if (item.length > 255)
      throw cloudError(
        'badRequest',
        `Invalid value of ${column}: it is longer than 255 characters.`,
      )
    if (column === 'status' && allowed !== undefined) oneOf(column, item, allowed)
  }
  return values
}

/** `a,"b,c",d`: commas separate, double quotes keep them in. */
function splitQuoted(column: string, list: string): string[] {
  if (!/^(?:"[^"]*"|[^",]+)(?:,(?:"[^"]*"|[^",]+))*$/.test(list)) {
    throw cloudError(
      'badRequest',
      `Invalid list for ${column}: give values separated by commas, in double quotes if they hold commas.`,
    )
  }
  return [...list.matchAll(/"([^"]*)"|([^",]+)/g)].map((match) => match[1] ?? match[2] ?? '')
}

/** Times on the wire have whole seconds, so a comparison is one with the whole second. */
function readTime(key: string, value: string): { op: Comparison; second: string; next: string } {
  const { op, rest } = splitOperator(value)
  const iso =
    /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?$/.test(rest)
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(rest) && rest.includes(':')
  const at = iso
    ? Date.parse(
        zoned
          ? rest.replace(' ', 'T')
          : `${rest.replace(' ', 'T')}${rest.includes(':') ? 'Z' : ''}`,
      )
    : Number.NaN
  if (op === 'in' || Number.isNaN(at)) {
    throw cloudError(
      'badRequest',
      `Invalid value of ${key}: '${value.slice(0, 60)}'. Write an operator (${comparisons.join(', ')}), a colon and a time as 2026-01-31T12:00:00Z.`,
    )
  }
  const second = Math.floor(at / 1000) * 1000
  return {
    op: op ?? 'eq',
    second: new Date(second).toISOString(),
    next: new Date(second + 1000).toISOString(),
  }
}
