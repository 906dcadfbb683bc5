import type { Limits } from '../../../ports/compute.ts'
import type { FlavorSnapshot } from './schema.ts'

const PIDS = 4096

/** A flavor as hard limits; its extra spec `stackyard:pids` may allow more or fewer processes. */
export function limitsOfFlavor(
  flavor: Pick<FlavorSnapshot, 'vcpus' | 'ramMiB' | 'extraSpecs'>,
): Limits {
  const asked = Number(flavor.extraSpecs['stackyard:pids'])
  return {
    vcpus: flavor.vcpus,
    memoryMiB: flavor.ramMiB,
    pids: Number.isSafeInteger(asked) && asked > 0 && asked <= 4_194_304 ? asked : PIDS,
  }
}
