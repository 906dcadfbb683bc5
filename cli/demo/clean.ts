import { rm } from 'node:fs/promises'
import { demoAddresses, demoServers, NAMES, removeServer, type Named } from './resources.ts'
import { show } from './stage.ts'
import type { DemoPlace } from './story.ts'
import { WEB_IMAGE } from './web-image.ts'

/** Removes what the demo made, and nothing else, in the order in which the pieces depend on each other. */
export async function cleanUp({ session, docker, folder }: DemoPlace): Promise<void> {
  for (const server of await demoServers(session)) {
    await gone(`openstack server delete --wait ${server.name}`, () =>
      removeServer(session, server.id),
    )
  }
  for (const { id, floating_ip_address: ip } of await demoAddresses(session)) {
    await gone(`openstack floating ip delete ${ip}`, () =>
      session.remove('network', `/floatingips/${id}`),
    )
  }
  const named = async (kind: string, name: string): Promise<Named[]> => {
    const path = `/${kind.replace('_', '-')}?name=${name}`
    return (await session.get<Record<string, Named[]>>('network', path))[kind] ?? []
  }
  const subnets = await named('subnets', NAMES.subnet)
  for (const router of await named('routers', NAMES.router)) {
    await gone(`openstack router remove subnet ${router.name} ${NAMES.subnet}`, async () => {
      for (const { id } of subnets) {
        const path = `/routers/${router.id}/remove_router_interface`
        // An interrupted demo may have made the router and not the connection.
        await session.put('network', path, { subnet_id: id }).catch(() => undefined)
      }
    })
    await gone(`openstack router delete ${router.name}`, () =>
      session.remove('network', `/routers/${router.id}`),
    )
  }
  for (const { id, name } of await named('networks', NAMES.network)) {
    await gone(`openstack network delete ${name}`, () =>
      session.remove('network', `/networks/${id}`),
    )
  }
  for (const { id, name } of await named('security_groups', NAMES.group)) {
    await gone(`openstack security group delete ${name}`, () =>
      session.remove('network', `/security-groups/${id}`),
    )
  }
  await gone(`openstack keypair delete ${NAMES.key}`, () =>
    session.remove('compute', `/os-keypairs/${NAMES.key}`),
  )
  const { images } = await session.get<{ images: Named[] }>('image', `/images?name=${NAMES.image}`)
  for (const { id, name } of images) {
    await gone(`openstack image delete ${name}`, () => session.remove('image', `/images/${id}`))
  }
  await gone(`docker rmi ${WEB_IMAGE}`, () => docker.remove(`/images/${WEB_IMAGE}`))
  await gone(`rm -r ${folder}`, () => rm(folder, { recursive: true, force: true }))
}

async function gone(command: string, work: () => Promise<void>): Promise<void> {
  await show(command, async () => {
    await work()
    return { result: 'gone', value: undefined }
  })
}
