import { rm } from 'node:fs/promises'
import {
  demoAddresses,
  demoServers,
  hasInterface,
  NAMES,
  removeServer,
  type Named,
} from './resources.ts'
import type { Session } from '../session.ts'
import { show } from './stage.ts'
import type { DemoPlace } from './story.ts'
import { WEB_IMAGE } from './web-image.ts'

/** Removes what the demo made, and nothing else, in the order in which the pieces depend on each other. */
export async function cleanUp(place: DemoPlace): Promise<void> {
  const { session, docker, folder } = place
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
  await cleanNetwork(session)
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

async function cleanNetwork(session: Session): Promise<void> {
  const named = async (kind: string, name: string): Promise<Named[]> => {
    const path = `/${kind.replace('_', '-')}?name=${name}`
    return (await session.get<Record<string, Named[]>>('network', path))[kind] ?? []
  }
  const subnets = await named('subnets', NAMES.subnet)
  for (const router of await named('routers', NAMES.router)) {
    for (const { id, name } of subnets) {
      // An interrupted demo may have made the router and not the connection.
      if (!(await hasInterface(session, router.id, id))) continue
      const path = `/routers/${router.id}/remove_router_interface`
      const wish = { subnet_id: id }
      await gone(`openstack router remove subnet ${router.name} ${name}`, () =>
        session.put('network', path, wish),
      )
    }
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
}

async function gone(command: string, work: () => Promise<unknown>): Promise<void> {
  await show(command, async () => {
    await work()
    return { result: 'gone', value: undefined }
  })
}
