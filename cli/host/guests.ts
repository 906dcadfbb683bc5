import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '../../src/kernel/errors/cloud-error.ts'
import { buildGuestImages } from '../guest/build.ts'
import { cloudTag } from '../purge.ts'
import { step, warn } from '../terminal.ts'
import { ensureAptLists, findProgram } from './packages.ts'

/**
 * The images that a new cloud offers. Built once from Debian packages; a cloud without them works as well, so a host that
 * cannot build them (no apt, no network) gets a warning, not a failure.
 */
export async function ensureGuestImages(data: string): Promise<void> {
  const folder = join(data, 'guest')
  // A cloud reads them at its first start only, so a later start has no use for them.
  if (existsSync(join(folder, 'images.json')) || cloudTag(data) !== undefined) return
  if (findProgram('apt-get') === undefined) {
    warn(
      'The image «cirros» is built from Debian packages, which this host has not: the cloud starts without it.',
    )
    return
  }
  try {
    await step('Building the guest image «cirros» from Debian packages', async (note) => {
      await ensureAptLists(note)
      await buildGuestImages(folder)
    })
  } catch (error) {
    const [reason = ''] = reasonOf(error).split('\n')
    warn(`The cloud starts without the image «cirros»: ${reason}`)
    warn('./stackyard reset tries again, with a new cloud.')
  }
}
