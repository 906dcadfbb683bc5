import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { PortInfo } from '../../network/face.ts'
import type { ContainerDeps } from '../deps.ts'
import { portKey } from './groups.ts'

/** Ports of the container (`8080/tcp`) and of the host that leads to them; 0 is any free one. */
export type Published = Readonly<Record<string, number>>

export function publishedOf(wish: Readonly<Record<string, number>> | null | undefined): Published {
  return Object.fromEntries(Object.entries(wish ?? {}).map(([key, port]) => [portKey(key), port]))
}

/** Opens them on the first interface; answers them with what was chosen. 409 when one is taken. */
export async function publish(
  tx: Ctx,
  deps: ContainerDeps,
  ports: readonly PortInfo[],
  wish: Published,
): Promise<Published> {
  const entries = Object.entries(wish)
  if (entries.length === 0) return {}
  const [first] = ports
  if (first === undefined)
    throw cloudError('badRequest', 'Ports can be published of a container with a network only.')
  const opened = await deps.network.publishPorts(
    tx,
    first.id,
    entries.map(([key, hostPort]) => {
      const [port = '', protocol = 'tcp'] = key.split('/')
      return { protocol: protocol === 'udp' ? 'udp' : 'tcp', port: Number(port), hostPort }
    }),
  )
  return Object.fromEntries(
    opened.map(({ protocol, port, hostPort }) => [`${port}/${protocol}`, hostPort]),
  )
}
