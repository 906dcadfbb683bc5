/** Reads from an ELF file what the dynamic loader would need: the interpreter and the NEEDED libraries. */
export interface ElfNeeds {
  /** Path of the dynamic loader; undefined for a library or a static program. */
  readonly interpreter: string | undefined
  readonly libraries: readonly string[]
}

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NEEDED = 1
const DT_STRTAB = 5

/** Undefined when the content is no 64-bit little-endian ELF file (both our architectures are). */
export function elfNeeds(file: Buffer): ElfNeeds | undefined {
  const isElf = file.length > 64 && file.readUInt32BE(0) === 0x7f454c46
  if (!isElf || file[4] !== 2 || file[5] !== 1) return undefined
  const segments = readSegments(file)
  const interp = segments.find((segment) => segment.type === PT_INTERP)
  return {
    interpreter: interp === undefined ? undefined : textAt(file, interp.offset),
    libraries: readNeeded(file, segments),
  }
}

function readSegments(file: Buffer): Segment[] {
  const start = Number(file.readBigUInt64LE(32))
  const entrySize = file.readUInt16LE(54)
  const count = file.readUInt16LE(56)
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * entrySize
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      size: Number(file.readBigUInt64LE(at + 32)),
    }
  })
}

function readNeeded(file: Buffer, segments: readonly Segment[]): string[] {
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC)
  if (dynamic === undefined) return []
  const names: number[] = []
  let strings = 0
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    const tag = Number(file.readBigUInt64LE(at))
    const value = Number(file.readBigUInt64LE(at + 8))
    if (tag === DT_NEEDED) names.push(value)
    if (tag === DT_STRTAB) strings = value
  }
  // The table's place is given as an address in memory; the segment that is loaded there tells the place in the file.
  const home = segments.find(
    (segment) =>
      segment.type === PT_LOAD &&
      strings >= segment.address &&
      strings < segment.address + segment.size,
  )
  if (home === undefined) return []
  const base = strings - home.address + home.offset
  return names.map((name) => textAt(file, base + name))
}

function textAt(file: Buffer, offset: number): string {
  return file.toString('latin1', offset, file.indexOf(0, offset))
}
