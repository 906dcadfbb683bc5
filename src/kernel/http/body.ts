import type { IncomingMessage } from 'node:http'
import { cloudError } from '../errors/cloud-error.ts'

export const MAX_JSON_BYTES = 1024 * 1024

/** Reads a JSON body. `undefined` when there is none. 413 past the limit, 415 for another media type, 400 for broken JSON. */
export async function readJson(
  raw: IncomingMessage,
  limits: { readonly maxBytes?: number; readonly accepts?: readonly string[] },
): Promise<unknown> {
  const maxBytes = limits.maxBytes ?? MAX_JSON_BYTES
  if (Number(raw.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  if (size === 0) return undefined
  const type =
    (raw.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== 'application/json' && !(limits.accepts ?? []).includes(type)) {
    throw cloudError(
      'unsupportedMediaType',
      `Unsupported Content-Type ${type.slice(0, 80)}: send ${[...(limits.accepts ?? []), 'application/json'].join(' or ')}.`,
    )
  }
  return parse(Buffer.concat(chunks))
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes), dropPrototype) as unknown
  } catch (cause) {
    throw cloudError(
      'badRequest',
      `Malformed request body: it is not valid JSON (${cause instanceof Error ? cause.message.slice(0, 120) : 'unreadable'}).`,
      { cause },
    )
  }
}

/** `__proto__` in a body must never become a prototype. */
function dropPrototype(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}

function tooLarge(maxBytes: number): Error {
  return cloudError(
    'tooLarge',
    `The request body is larger than the ${maxBytes} bytes allowed here.`,
    { headers: { Connection: 'close' } },
  )
}
