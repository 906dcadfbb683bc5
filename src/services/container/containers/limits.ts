import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Limits } from '../../../ports/compute.ts'

/** Zun's bounds of one container. Memory in MiB, disk in GiB. */
export const BOUNDS = {
  cpu: { least: 0.1, most: 16, usual: 1 },
  memory: { least: 4, most: 8192, usual: 512 },
  disk: { least: 1, most: 160, usual: 10 },
} as const

/** Processes in one container. */
const PIDS = 4096

/** Docker takes no less than this. */
const DOCKER_LEAST_MEMORY_MIB = 6

/** The asked amount or the usual one; 400 when it is out of bounds. */
export function amountOf(
  field: keyof typeof BOUNDS,
  value: number | string | null | undefined,
): number {
  const { least, most, usual } = BOUNDS[field]
  if (value === undefined || value === null) return usual
  const number = Number(value)
  if (Number.isFinite(number) && number >= least && number <= most) return number
  throw cloudError(
    'badRequest',
    `Invalid input for field ${field}: ${value} is not between ${least} and ${most}.`,
    { code: 'schema-validation-error' },
  )
}

/** What the engine holds the container to: whole or part CPUs as a hard limit, not a share. */
export function limitsOf(cpu: number, memoryMiB: number): Limits {
  return { vcpus: cpu, memoryMiB: Math.max(memoryMiB, DOCKER_LEAST_MEMORY_MIB), pids: PIDS }
}
