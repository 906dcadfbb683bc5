import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { ContainerDeps } from '../deps.ts'
import { BINARY, findService } from '../services/store.ts'
import type { CreateBody } from './create-schema.ts'

/** There is one host: what asks for another is refused now, not by a container that ends in Error. */
export async function mustPlace(
  ctx: Ctx,
  deps: ContainerDeps,
  wish: Pick<CreateBody, 'host' | 'availability_zone' | 'cpu_policy' | 'hints'>,
): Promise<void> {
  if (wish.host !== undefined && wish.host !== '' && wish.host !== deps.hostName)
    throw cloudError('badRequest', `Host ${wish.host} could not be found.`)
  if (wish.availability_zone != null && wish.availability_zone !== deps.zone)
    throw cloudError(
      'badRequest',
      `No valid host was found: there is no host in availability zone ${wish.availability_zone}.`,
    )
  if (wish.cpu_policy === 'dedicated')
    throw cloudError(
      'badRequest',
      'No valid host was found: no host has CPU pinning enabled (cpu_policy dedicated).',
    )
  const service = await findService(ctx, deps.hostName, BINARY)
  if (service !== undefined && (service.disabled === 1 || service.forced_down === 1))
    throw cloudError(
      'badRequest',
      `No valid host was found: the container service of ${deps.hostName} is ${service.disabled === 1 ? `disabled (${service.disabled_reason ?? 'no reason given'})` : 'forced down'}.`,
    )
  await mustHaveLabels(ctx, deps, wish.hints ?? {})
}

/** Hints `label:<key>` choose hosts by their labels; the engine is only asked when there are some. */
async function mustHaveLabels(
  ctx: Ctx,
  deps: ContainerDeps,
  hints: Readonly<Record<string, unknown>>,
): Promise<void> {
  const wanted = Object.entries(hints).filter(([key]) => key.startsWith('label:'))
  if (wanted.length === 0) return
  const { labels } = await deps.workload.hostInfo(ctx)
  for (const [key, value] of wanted) {
    const name = key.slice('label:'.length)
    if (labels[name] !== String(value))
      throw cloudError(
        'badRequest',
        `No valid host was found: no host has the label ${name}=${String(value)}.`,
      )
  }
}
