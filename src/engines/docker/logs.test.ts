import { describe, expect, it } from 'vitest'
import { withoutFrames } from './logs.ts'

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

describe('frames of the log', () => {
  it('are put together in order', () => {
    expect(
      withoutFrames(
        Buffer.concat([frame(1, 'out\n'), frame(2, 'err ü\n'), frame(1, '')]),
      ).toString(),
    ).toBe('out\nerr ü\n')
    expect(withoutFrames(Buffer.alloc(0)).toString()).toBe('')
  })

  it('give what there is when the last one is cut', () => {
    expect(
      withoutFrames(Buffer.concat([frame(1, 'a\n'), frame(1, 'whole').subarray(0, 11)])).toString(),
    ).toBe('a\nwho')
    expect(withoutFrames(frame(1, 'x').subarray(0, 5)).toString()).toBe('')
  })
})
