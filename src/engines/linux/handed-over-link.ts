import type { PortPlace, PortSpec } from '../../ports/network.ts'
import { linkFacts } from './link-facts.ts'
import { portLink } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import type { Segment } from './segment.ts'
import type { PortLink } from './veth-link.ts'

/** Where this process lives is where the Docker Engine lives: it looks there for links that it is to move. */
export const hostPlace = (at: PortPlace): PortPlace => ({
  ...at,
  netns: `/proc/${process.pid}/ns/net`,
})

/**
 * A link whose guest end somebody else moves and sets up: it is left in the host's own namespace, down and without addresses.
 * As long as our end is there the other one is too, wherever it was taken.
 */
export async function handOver(
  namespaces: Namespaces,
  link: PortLink,
  segment: Segment,
  port: PortSpec,
  at: PortPlace,
): Promise<'made' | 'found'> {
  const host = hostPlace(at)
  if (await link.make(segment, port, host)) return 'made'
  const near = ['link', 'show', 'dev', portLink(port.id)]
  if (linkFacts(await namespaces.show(segment.netns, near)).length > 0) return 'found'
  await link.clear(segment, port, host)
  if (await link.make(segment, port, host)) return 'made'
  throw new Error(`there is another interface ${at.ifname} on the host, not of port ${port.id}`)
}
