import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/** Byte offsets, both inclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** One range of RFC 9110's `Range: bytes=…`; undefined when the whole is wanted, 416 when it cannot be had. */
export function readRange(header: string | undefined, size: number): ByteRange | undefined {
  if (header === undefined) return undefined
  const refused = (reason: string): Error =>
    cloudError('rangeNotSatisfiable', `The range '${header.slice(0, 80)}' ${reason}.`, {
      headers: { 'Content-Range': `bytes */${size}` },
    })
  const match = /^\s*bytes\s*=\s*(\d{0,16})\s*-\s*(\d{0,16})\s*$/i.exec(header)
  if (match === null || (match[1] === '' && match[2] === ''))
    throw refused('cannot be read: one range of bytes is possible, bytes=first-last')
  const [, first = '', last = ''] = match
  if (first === '') {
    const length = Math.min(Number(last), size)
    if (length === 0) throw refused('is empty')
    return { start: size - length, end: size - 1 }
  }
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (start >= size) throw refused(`begins behind the end of the image, which has ${size} bytes`)
  if (last !== '' && Number(last) < start) throw refused('ends before it begins')
  return { start, end }
}
