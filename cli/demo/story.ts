import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DockerApi } from '../docker-api.ts'
import {
  allowFromAnywhere,
  bindAddress,
  consoleLog,
  createImage,
  demoServers,
  ensureAddress,
  ensureKeypair,
  ensureNetworkThing,
  externalNetwork,
  findImage,
  hasInterface,
  NAMES,
  removeServer,
  smallestFlavor,
  SUBNET_RANGE,
  until,
  waitForServer,
  type Named,
  type Server,
} from './resources.ts'
import type { Session } from '../session.ts'
import { show } from './stage.ts'
import { buildImage, saveImage, WEB_IMAGE, writeContext } from './web-image.ts'

/** The newcomer's story, from a Dockerfile to a web page behind a floating IP; every step shown as the command it stands for. */
export interface DemoPlace {
  readonly session: Session
  readonly docker: DockerApi
  /** Where the build context, the saved image and the private key lie. */
  readonly folder: string
  readonly guestFolder: string
  /** The cloud's four hex digits. */
  readonly tag: string
}

const REUSED = 'there already, used again'
const PAGE_LIMIT_MS = 20_000

export async function tellStory(place: DemoPlace): Promise<void> {
  const image = await bringImage(place)
  const network = await bringNetwork(place.session)
  await bringAccess(place)
  const server = await bringServer(place.session, image, network)
  await bringPage(place.session, server)
}

async function bringImage({
  session,
  docker,
  folder,
  guestFolder,
  tag,
}: DemoPlace): Promise<Named> {
  const context = join(folder, 'web')
  const archive = join(folder, 'web.tar')
  const source = await show(`docker build -t ${WEB_IMAGE} ${context}`, async () => {
    await writeContext(context, guestFolder)
    const id = await buildImage(docker, context, tag)
    return { result: id, value: id }
  })
  const there = await findImage(session, source)
  if (there === undefined || !existsSync(archive)) {
    await show(`docker save -o ${archive} ${WEB_IMAGE}`, async () => {
      await saveImage(docker, archive)
      return { result: 'saved', value: undefined }
    })
  }
  const command = `openstack image create --container-format docker --disk-format raw --file ${archive} ${NAMES.image}`
  return await show(command, async () => {
    const image = there ?? (await createImage(session, source, archive))
    return { result: there === undefined ? `image ${image.id}` : REUSED, value: image }
  })
}

async function bringNetwork(session: Session): Promise<Named> {
  const network = await show(`openstack network create ${NAMES.network}`, async () => {
    return told('network', await ensureNetworkThing(session, 'network', { name: NAMES.network }))
  })
  const range = `--network ${NAMES.network} --subnet-range ${SUBNET_RANGE}`
  const subnet = await show(`openstack subnet create ${range} ${NAMES.subnet}`, async () => {
    const wish = { name: NAMES.subnet, network_id: network.id, cidr: SUBNET_RANGE, ip_version: 4 }
    return told('subnet', await ensureNetworkThing(session, 'subnet', wish))
  })
  const outside = await externalNetwork(session)
  const router = await show(
    `openstack router create --external-gateway ${outside.name} ${NAMES.router}`,
    async () => {
      const gateway = { external_gateway_info: { network_id: outside.id } }
      return told(
        'router',
        await ensureNetworkThing(session, 'router', { name: NAMES.router, ...gateway }),
      )
    },
  )
  await show(`openstack router add subnet ${NAMES.router} ${NAMES.subnet}`, async () => {
    const isThere = await hasInterface(session, router.id, subnet.id)
    const path = `/routers/${router.id}/add_router_interface`
    if (!isThere) await session.put('network', path, { subnet_id: subnet.id })
    return { result: isThere ? REUSED : 'connected', value: undefined }
  })
  return network
}

async function bringAccess({ session, folder }: DemoPlace): Promise<void> {
  const keyFile = join(folder, `${NAMES.key}.pem`)
  await show(`openstack keypair create --private-key ${keyFile} ${NAMES.key}`, async () => {
    const wasThere = await ensureKeypair(session, keyFile)
    return { result: wasThere ? REUSED : `private key in ${keyFile}`, value: undefined }
  })
  const group = await show(`openstack security group create ${NAMES.group}`, async () => {
    const wish = { name: NAMES.group, description: 'web, SSH and ping from anywhere' }
    return told('security group', await ensureNetworkThing(session, 'security_group', wish))
  })
  const tcp = (port: number) => ({ protocol: 'tcp', port_range_min: port, port_range_max: port })
  const rules = [
    { words: '--protocol tcp --dst-port 80', rule: tcp(80) },
    { words: '--protocol tcp --dst-port 22', rule: tcp(22) },
    { words: '--protocol icmp', rule: { protocol: 'icmp' } },
  ]
  for (const { words, rule } of rules) {
    await show(`openstack security group rule create ${words} ${NAMES.group}`, async () => {
      const added = await allowFromAnywhere(session, group.id, [rule])
      return { result: added === 0 ? REUSED : 'allowed', value: undefined }
    })
  }
}

async function bringServer(session: Session, image: Named, network: Named): Promise<Server> {
  for (const old of await demoServers(session)) {
    await show(`openstack server delete --wait ${old.name}`, async () => {
      await removeServer(session, old.id)
      return { result: "the earlier demo's server is gone", value: undefined }
    })
  }
  const flavor = await smallestFlavor(session)
  const words = `--image ${NAMES.image} --flavor ${flavor.name} --network ${NAMES.network} --security-group ${NAMES.group} --key-name ${NAMES.key}`
  const server = await show(`openstack server create ${words} --wait ${NAMES.server}`, async () => {
    const wish = {
      name: NAMES.server,
      imageRef: image.id,
      flavorRef: flavor.id,
      key_name: NAMES.key,
      networks: [{ uuid: network.id }],
      security_groups: [{ name: NAMES.group }],
    }
    const made = await session.post<{ server: Named }>('compute', '/servers', { server: wish })
    const value = await waitForServer(session, made.server.id)
    const addresses = Object.values(value.addresses).flat()
    return {
      result: `${value.status} with address ${addresses.map(({ addr }) => addr).join(', ')}`,
      value,
    }
  })
  await show(`openstack console log show ${NAMES.server}`, async () => {
    return { result: await consoleLog(session, server.id), value: undefined }
  })
  return server
}

async function bringPage(session: Session, server: Server): Promise<void> {
  const outside = await externalNetwork(session)
  const note = `--description '${NAMES.addressNote}'`
  const address = await show(`openstack floating ip create ${note} ${outside.name}`, async () => {
    const { thing, wasThere } = await ensureAddress(session, outside.id)
    const ip = thing.floating_ip_address
    return { result: wasThere ? `${ip}, ${REUSED}` : ip, value: thing }
  })
  const ip = address.floating_ip_address
  await show(`openstack server add floating ip ${NAMES.server} ${ip}`, async () => {
    await bindAddress(session, address.id, server.id)
    return { result: 'bound', value: undefined }
  })
  await show(`curl http://${ip}/`, async () => {
    return { result: await fetchPage(`http://${ip}/`), value: undefined }
  })
}

/** The server is ACTIVE when its process runs; the web server in it needs a moment more. */
async function fetchPage(url: string): Promise<string> {
  return await until(
    `${url} did not answer`,
    async () => {
      const response = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(
        () => undefined,
      )
      return response?.ok === true ? (await response.text()).trim() : undefined
    },
    PAGE_LIMIT_MS,
  )
}

function told(
  kind: string,
  found: { thing: Named; wasThere: boolean },
): { result: string; value: Named } {
  return { result: found.wasThere ? REUSED : `${kind} ${found.thing.id}`, value: found.thing }
}
