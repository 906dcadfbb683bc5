import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Flavor } from './schema.ts'
import { insertFlavor, listFlavors } from './store.ts'

/** id, name, vcpus, MiB of memory, GiB of disk: the names and ids that DevStack has made customary. */
const customary = [
  ['42', 'm1.nano', 1, 128, 1],
  ['84', 'm1.micro', 1, 192, 1],
  ['1', 'm1.tiny', 1, 512, 1],
  ['2', 'm1.small', 1, 2048, 20],
  ['3', 'm1.medium', 2, 4096, 40],
  ['4', 'm1.large', 4, 8192, 80],
  ['5', 'm1.xlarge', 8, 16_384, 160],
] as const

/** Fills an empty cloud with flavors. An operator who deletes some does not get them back at the next start. */
export async function ensureFlavors(ctx: Ctx): Promise<void> {
  if ((await listFlavors(ctx, 'all')).length > 0) return
  for (const [id, name, vcpus, ramMiB, diskGiB] of customary) {
    const flavor: Flavor = {
      id,
      name,
      vcpus,
      ramMiB,
      diskGiB,
      ephemeralGiB: 0,
      swapMiB: 0,
      description: null,
      isPublic: true,
      disabled: false,
      rxtxFactor: 1,
      extraSpecs: {},
    }
    await insertFlavor(ctx, flavor)
  }
}
