import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CharacterCutter } from './terminal-socket.ts'

describe('cutting between characters', () => {
  it('gives every piece as whole characters, and all of them together', () => {
    const pieces = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 })
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 7 }), (texts, size) => {
        const bytes = Buffer.from(texts.join(''))
        const cutter = new CharacterCutter()
        let joined = ''
        for (let at = 0; at < bytes.length; at += size)
          joined += new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
            cutter.take(bytes.subarray(at, at + size)),
          )
        expect(cutter.rest()).toHaveLength(0)
        expect(joined).toBe(texts.join(''))
      }),
    )
  })

  it('loses nothing of what is no text', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 7 }), (raw, size) => {
        const bytes = Buffer.from(raw)
        const cutter = new CharacterCutter()
        const parts: Buffer[] = []
        for (let at = 0; at < bytes.length; at += size)
          parts.push(cutter.take(bytes.subarray(at, at + size)))
        expect(Buffer.concat([...parts, cutter.rest()])).toEqual(bytes)
      }),
    )
  })
})
