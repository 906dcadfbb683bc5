import { describe, expect, it } from 'vitest'
import { sleeper } from './sandbox-image.ts'

describe('the program of a sandbox', () => {
  it.each([
    ['amd64', 62, 9],
    ['arm64', 183, 28],
  ])('is an executable for %s', (architecture, machine, codeBytes) => {
    const file = sleeper(architecture)
    expect(file.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
    expect(file.readUInt16LE(18)).toBe(machine)
    expect(file.length).toBe(64 + 56 + codeBytes)
    expect(file.readBigUInt64LE(24)).toBe(0x400078n)
    expect(file.readBigUInt64LE(64 + 32)).toBe(BigInt(file.length))
  })

  it('is not made for machines nobody wrote it for', () => {
    expect(() => sleeper('s390x')).toThrow('s390x')
  })
})
