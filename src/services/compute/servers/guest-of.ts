import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { zoneOfHost } from '../availability-zones/zones.ts'
import type { ComputeDeps } from '../deps.ts'
import type { Guest } from '../metadata/guest.ts'
import type { Server } from './schema.ts'

/** What the server's guest is told of itself. */
export async function guestOf(
  ctx: Ctx,
  { vendorData }: ComputeDeps,
  server: Server,
): Promise<Guest> {
  const {
    id,
    name,
    hostname,
    projectId,
    metadata,
    keyName,
    publicKey,
    launchIndex,
    reservationId,
    imageId,
    userData,
    configDrive,
    nicTags,
  } = server
  return {
    id,
    name,
    hostname,
    projectId,
    metadata,
    keyName,
    publicKey,
    launchIndex,
    reservationId,
    imageId,
    userData,
    configDrive,
    nicTags,
    flavorName: server.flavor.name,
    zone: await zoneOfHost(ctx, server.host),
    vendorData,
  }
}
