import type { PortInfo } from '../../network/face.ts'
import { EC2_VERSIONS, ec2MetaData, type Ec2Tree } from './ec2-documents.ts'
import type { Guest } from './guest.ts'
import {
  metaData,
  networkData,
  OPENSTACK_VERSIONS,
  vendorDocuments,
} from './openstack-documents.ts'

/** A guest that asks, and all that can be told to it. */
export interface Asker {
  readonly guest: Guest
  readonly ports: readonly PortInfo[]
  readonly password: string | null
}

export interface MetadataAnswer {
  readonly status: number
  readonly body: string | Buffer
  readonly type?: string
}

const missing: MetadataAnswer = { status: 404, body: 'Not Found' }
const text = (body: string | Buffer): MetadataAnswer => ({ status: 200, body })
const json = (value: unknown): MetadataAnswer => ({
  status: 200,
  body: JSON.stringify(value),
  type: 'application/json',
})
const listing = (names: readonly string[]): MetadataAnswer => text(names.join('\n'))

/** Pure: path → document. OpenStack's tree under `/openstack`, EC2's everywhere else. */
export function answer(asker: Asker, path: string): MetadataAnswer {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.length === 0) return listing([...EC2_VERSIONS])
  if (parts[0] === 'openstack') return openstack(asker, parts.slice(1))
  return ec2(asker, parts)
}

function openstack(asker: Asker, [version, name, ...rest]: readonly string[]): MetadataAnswer {
  if (version === undefined) return listing([...OPENSTACK_VERSIONS])
  // a date between two versions means the older one; an older date than all is unknown
  if (
    version !== 'latest' &&
    !(/^\d{4}-\d\d-\d\d$/.test(version) && version >= OPENSTACK_VERSIONS[0])
  )
    return missing
  if (rest.length > 0) return missing
  switch (name) {
    case undefined:
      return listing([
        'meta_data.json',
        'network_data.json',
        ...(asker.guest.userData === null ? [] : ['user_data']),
        'password',
        'vendor_data.json',
        'vendor_data2.json',
      ])
    case 'meta_data.json':
      return json(metaData(asker.guest, asker.ports))
    case 'network_data.json':
      return json(networkData(asker.ports))
    case 'vendor_data.json':
    case 'vendor_data2.json':
      return json(vendorDocuments(asker.guest)[name])
    case 'user_data':
      return userData(asker.guest)
    case 'password':
      return text(asker.password ?? '')
    default:
      return missing
  }
}

function userData(guest: Guest): MetadataAnswer {
  return guest.userData === null
    ? missing
    : { status: 200, body: Buffer.from(guest.userData, 'base64'), type: 'application/octet-stream' }
}

function ec2(asker: Asker, [version = '', what, ...rest]: readonly string[]): MetadataAnswer {
  if (!(EC2_VERSIONS as readonly string[]).includes(version)) return missing
  if (what === undefined)
    return listing(['meta-data/', ...(asker.guest.userData === null ? [] : ['user-data'])])
  if (what === 'user-data') return rest.length === 0 ? userData(asker.guest) : missing
  if (what !== 'meta-data') return missing
  return walk(ec2MetaData(asker.guest, asker.ports), rest, asker.guest.keyName ?? '')
}

/** Down the tree: a folder lists its entries, folders with a slash; the keys list as `0=name`. */
function walk(tree: Ec2Tree, path: readonly string[], keyName: string): MetadataAnswer {
  let at: string | Ec2Tree = tree
  let inKeys = false
  for (const part of path) {
    const next: string | Ec2Tree | undefined =
      typeof at === 'string' || !Object.hasOwn(at, part) ? undefined : at[part]
    if (next === undefined) return missing
    inKeys = at === tree && part === 'public-keys'
    at = next
  }
  if (typeof at === 'string') return text(at)
  const folder = at
  return listing(
    Object.keys(folder).map((name) =>
      inKeys ? `${name}=${keyName}` : typeof folder[name] === 'string' ? name : `${name}/`,
    ),
  )
}
