import { must, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { zoneOfHost } from '../availability-zones/zones.ts'
import type { ComputeDeps } from '../deps.ts'

/** The zone asked for by name, null when none was; `zone:host` and `zone:host:node` choose the host and are for administrators. */
export async function zoneFor(
  ctx: Ctx,
  deps: ComputeDeps,
  asked: string | undefined,
): Promise<string | null> {
  if (asked === undefined || asked === '') return null
  const [zone = '', host = '', node = ''] = asked.split(':')
  if (host !== '' || node !== '') must(ctx, 'os_compute_api:servers:create:forced_host')
  for (const name of [host, node]) {
    if (name !== '' && name !== deps.hostName)
      throw cloudError('badRequest', `Compute host ${name} could not be found.`)
  }
  if (zone !== '' && zone !== (await zoneOfHost(ctx, deps.hostName)))
    throw cloudError('badRequest', 'The requested availability zone is not available')
  return zone === '' ? null : zone
}
