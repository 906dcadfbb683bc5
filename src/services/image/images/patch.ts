import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import {
  isBaseAttribute,
  readOnlyAttributes,
  RESERVED_PREFIX,
  reservedAttributes,
} from './schema.ts'

/**
 * The two patch languages of `PATCH /v2/images/{id}`, as pure functions: 2.1 is RFC 6902 cut down to add, replace and remove;
 * 2.0 is its draft, `{"replace": "/name", "value": …}`. Pointers name an attribute or a custom property, one level deep.
 */
export const PATCH_TYPES = [
  'application/openstack-images-v2.1-json-patch',
  'application/openstack-images-v2.0-json-patch',
] as const

export interface Operation {
  readonly op: 'add' | 'replace' | 'remove'
  readonly name: string
  /** Undefined for remove only. */
  readonly value: unknown
}

const ops = ['add', 'replace', 'remove'] as const

export function readPatch(body: unknown, contentType: string): Operation[] {
  const draft = contentType.includes('v2.0')
  if (!Array.isArray(body))
    throw cloudError('badRequest', 'The request body must be a JSON array of operation objects.')
  return body.map((item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item))
      throw cloudError('badRequest', 'Operations must be JSON objects.')
    const { op, path } = draft ? draftOperation({ ...item }) : currentOperation({ ...item })
    const known = ops.find((candidate) => candidate === op)
    if (known === undefined)
      throw cloudError('badRequest', `Operations must be one of ${ops.join(', ')}.`)
    if (known !== 'remove' && !('value' in item))
      throw cloudError('badRequest', `The operation "${known}" requires a member named "value".`)
    return {
      op: known,
      name: allowedName(readPointer(path)),
      value: 'value' in item ? item.value : undefined,
    }
  })
}

type Item = Readonly<Record<string, unknown>>

function currentOperation(item: Item): { op: unknown; path: unknown } {
  if (!('op' in item))
    throw cloudError('badRequest', 'Unable to find "op" in a JSON patch operation.')
  if (!('path' in item))
    throw cloudError('badRequest', 'Unable to find "path" in a JSON patch operation.')
  return { op: item['op'], path: item['path'] }
}

function draftOperation(item: Item): { op: unknown; path: unknown } {
  const named = ops.filter((op) => op in item)
  if (named.length !== 1)
    throw cloudError('badRequest', `Each operation must hold exactly one of ${ops.join(', ')}.`)
  return { op: named[0], path: item[named[0] ?? ''] }
}

function readPointer(path: unknown): string {
  if (typeof path !== 'string')
    throw cloudError('badRequest', 'The path of an operation must be a string.')
  const shown = path.slice(0, 120)
  if (!path.startsWith('/'))
    throw cloudError('badRequest', `Pointer '${shown}' does not start with "/".`)
  if (/~(?![01])/.test(path))
    throw cloudError(
      'badRequest',
      `Pointer '${shown}' holds a "~" that is not part of an escape sequence.`,
    )
  const parts = path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const [name = ''] = parts
  if (name === '') throw cloudError('badRequest', `Pointer '${shown}' names no attribute.`)
  if (name === 'locations')
    throw cloudError(
      'forbidden',
      "It's not allowed to change locations: they are not shown by this cloud.",
    )
  if (parts.length > 1)
    throw cloudError(
      'badRequest',
      `Invalid JSON pointer for this resource: '${shown}' goes too deep.`,
    )
  return name
}

/** 403 for what only the service writes. */
export function allowedName(name: string): string {
  if (readOnlyAttributes.has(name))
    throw cloudError('forbidden', `Attribute '${name}' is read-only.`)
  if (reservedAttributes.has(name) || name.startsWith(RESERVED_PREFIX))
    throw cloudError('forbidden', `Attribute '${name.slice(0, 80)}' is reserved.`)
  return name
}

/** What an image has that a patch may touch, by wire name: attributes and custom properties. */
export type Attributes = ReadonlyMap<string, unknown>

export function applyPatch(image: Attributes, operations: readonly Operation[]): Attributes {
  const patched = new Map(image)
  for (const { op, name, value } of operations) {
    if (op !== 'add' && !patched.has(name))
      throw cloudError('conflict', `Property ${name.slice(0, 80)} does not exist.`)
    if (op === 'remove') {
      if (isBaseAttribute(name))
        throw cloudError('forbidden', `Property ${name} may not be removed.`)
      patched.delete(name)
    } else patched.set(name, value)
  }
  return patched
}
