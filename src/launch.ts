import { join } from 'node:path'

/** How Node is told to run the cloud; for whoever starts its process. */
export interface Launch {
  /** Arguments for Node's own executable. */
  readonly args: readonly string[]
  /** In addition to the environment. */
  readonly env: Readonly<Record<string, string>>
}

const mainFile = join(import.meta.dirname, 'main.ts')

/**
 * By itself Node gives the youngest objects up to 48 MiB, which the first second of a start fills once and for all. A tenth of
 * it serves requests as fast.
 */
const YOUNG_OBJECTS_MIB = 4

/**
 * Checking a password takes 16 MiB for some milliseconds. The C library would come to keep such a block for every thread; what
 * is as large as this goes back to the system at once, in pages so large that taking it anew costs next to nothing.
 */
const GIVEN_BACK_FROM_BYTES = 4 * 1024 * 1024
const MALLOC = `glibc.malloc.mmap_threshold=${GIVEN_BACK_FROM_BYTES}:glibc.malloc.hugetlb=1`

/** `mainArgs` are those of `src/main.ts`. */
export function launchOf(data: string, mainArgs: readonly string[]): Launch {
  return {
    args: [`--max-semi-space-size=${YOUNG_OBJECTS_MIB}`, mainFile, ...mainArgs],
    env: {
      // From the first file on: what turns TypeScript into JavaScript is then loaded once, not at every start.
      NODE_COMPILE_CACHE: compileCacheOf(data),
      GLIBC_TUNABLES: MALLOC,
    },
  }
}

/** Types are stripped and code compiled once, and kept here. */
export const compileCacheOf = (data: string): string => join(data, 'cache')
