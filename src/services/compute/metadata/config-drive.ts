import type { GuestFile } from '../../../ports/compute.ts'
import type { PortInfo } from '../../network/face.ts'
import { ec2MetaData } from './ec2-documents.ts'
import type { Guest } from './guest.ts'
import { metaData, networkData, vendorDocuments } from './openstack-documents.ts'

const ROOT = '/mnt/config'

/** The config drive as files where cloud-init mounts one: a container has no disk to find it on. */
export function configDriveFiles(guest: Guest, ports: readonly PortInfo[]): readonly GuestFile[] {
  const userData = guest.userData === null ? undefined : Buffer.from(guest.userData, 'base64')
  return [
    json('openstack/latest/meta_data.json', metaData(guest, ports)),
    json('openstack/latest/network_data.json', networkData(ports)),
    ...Object.entries(vendorDocuments(guest)).map(([name, data]) =>
      json(`openstack/latest/${name}`, data),
    ),
    json('ec2/latest/meta-data.json', ec2MetaData(guest, ports)),
    ...(userData === undefined
      ? []
      : [file('openstack/latest/user_data', userData), file('ec2/latest/user-data', userData)]),
  ]
}

const json = (path: string, value: unknown): GuestFile =>
  file(path, Buffer.from(JSON.stringify(value)))

function file(path: string, content: Buffer): GuestFile {
  return { path: `${ROOT}/${path}`, content: content.toString('base64'), mode: 0o444 }
}
