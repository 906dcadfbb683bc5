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

/** `mainArgs` are those of `src/main.ts`. */
export function launchOf(data: string, mainArgs: readonly string[]): Launch {
  return {
    args: [`--max-semi-space-size=${YOUNG_OBJECTS_MIB}`, mainFile, ...mainArgs],
    // From the first file on: what turns TypeScript into JavaScript is then loaded once, not at every start.
    env: { NODE_COMPILE_CACHE: compileCacheOf(data) },
  }
}

/** Types are stripped and code compiled once, and kept here. */
export const compileCacheOf = (data: string): string => join(data, 'cache')
