import { dockerArchive } from '../../kernel/archive/docker-archive.ts'

/**
 * The image sandboxes run: one static program of about 130 bytes that sleeps for ever. It is made here, byte by byte, so
 * that a sandbox needs neither a registry nor a compiler. Its process holds the network namespace open and does nothing
 * else; nobody shares its process namespace, so it has no children to reap.
 */
export const SANDBOX_IMAGE = 'stackyard/sandbox:1'

interface Machine {
  /** `e_machine` of the ELF header. */
  readonly elf: number
  /** Instructions in hex, one each. */
  readonly code: readonly string[]
}

const machines: Readonly<Record<string, Machine>> = {
  amd64: {
    elf: 62,
    code: [
      'b822000000', // mov eax, 34 (pause)
      '0f05', //       syscall
      'ebf7', //       jmp to the beginning: a signal ended the pause
    ],
  },
  arm64: {
    elf: 183,
    code: [
      '000080d2', // mov x0, #0: no descriptors
      '010080d2', // mov x1, #0
      '020080d2', // mov x2, #0: no time limit
      '030080d2', // mov x3, #0: signals as they are
      '280980d2', // mov x8, #73 (ppoll; this machine has no pause)
      '010000d4', // svc #0
      'faffff17', // b to the beginning
    ],
  },
}

const HEADER_BYTES = 64
const SEGMENT_BYTES = 56
const LOAD_ADDRESS = 0x400000n

/** An ELF64 executable with one segment, which is the whole file, loaded readable and executable. */
export function sleeper(architecture: string): Buffer {
  const machine = machines[architecture]
  if (machine === undefined)
    throw new Error(`no sandbox program for the architecture ${architecture}`)
  const start = HEADER_BYTES + SEGMENT_BYTES
  const code = Buffer.from(machine.code.join(''), 'hex')
  const file = Buffer.alloc(start + code.length)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) // magic, 64 bit, little endian, version
  file.writeUInt16LE(2, 16) // executable
  file.writeUInt16LE(machine.elf, 18)
  file.writeUInt32LE(1, 20) // version again
  file.writeBigUInt64LE(LOAD_ADDRESS + BigInt(start), 24) // entry point
  file.writeBigUInt64LE(BigInt(HEADER_BYTES), 32) // where the segments are described
  file.writeUInt16LE(HEADER_BYTES, 52)
  file.writeUInt16LE(SEGMENT_BYTES, 54)
  file.writeUInt16LE(1, 56) // one segment
  file.writeUInt32LE(1, HEADER_BYTES) // to be loaded
  file.writeUInt32LE(5, HEADER_BYTES + 4) // read, execute
  file.writeBigUInt64LE(LOAD_ADDRESS, HEADER_BYTES + 16)
  file.writeBigUInt64LE(LOAD_ADDRESS, HEADER_BYTES + 24)
  file.writeBigUInt64LE(BigInt(file.length), HEADER_BYTES + 32)
  file.writeBigUInt64LE(BigInt(file.length), HEADER_BYTES + 40)
  file.writeBigUInt64LE(0x10000n, HEADER_BYTES + 48) // alignment: pages of arm64 may be 64 KiB
  file.set(code, start)
  return file
}

export async function sandboxImage(architecture: string): Promise<Buffer> {
  return await dockerArchive({
    architecture,
    tag: SANDBOX_IMAGE,
    config: { Entrypoint: ['/sleep-for-ever'] },
    files: [{ path: 'sleep-for-ever', content: sleeper(architecture) }],
  })
}
