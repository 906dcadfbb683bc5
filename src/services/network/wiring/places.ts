import type { PortPlace } from '../../../ports/network.ts'
import type { PortTable } from '../tables.ts'

/** The guest's end of a port that the Docker Engine moves into its container bears such a name until then. */
const HANDED_OVER = 't_c'

/** As Kuryr names the container's side: the prefix, and as much of the id as fits into a link's name. */
export const handedOverName = (id: string): string =>
  `${HANDED_OVER}${id.replaceAll('-', '').slice(0, 12)}`

/** Where the port was plugged last, as its row tells. */
export const placeOf = ({
  netns,
  ifname,
}: Pick<PortTable, 'netns' | 'ifname'>): PortPlace | undefined =>
  netns === null || ifname === null ? undefined : placeAt(netns, ifname)

export const placeAt = (netns: string, ifname: string): PortPlace => ({
  netns,
  ifname,
  ...(ifname.startsWith(HANDED_OVER) ? { handedOver: true } : {}),
})
