import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { CommandError } from './command.ts'

/** The access data that the cloud wrote at its first start, in the file format that every OpenStack client reads. */
export interface CloudAccess {
  readonly authUrl: string
  readonly username: string
  readonly password: string
  readonly project: string
  readonly userDomain: string
  readonly projectDomain: string
  readonly region: string
}

/** Entries of `clouds.yaml`: the ordinary user's, and the administrator's. */
export const CLOUD_OF = { demo: 'stackyard', admin: 'stackyard-admin' } as const

export function readAccess(data: string, user: keyof typeof CLOUD_OF): CloudAccess {
  const file = join(data, 'clouds.yaml')
  if (!existsSync(file)) {
    const advice = [
      './stackyard up makes it at the first start',
      'Another data folder? --data or STACKYARD_DATA',
    ]
    throw new CommandError(`there is no ${file}`, advice)
  }
  const document: unknown = parse(readFileSync(file, 'utf8'))
  const cloud = inside(inside(document, 'clouds'), CLOUD_OF[user])
  const auth = inside(cloud, 'auth')
  const text = (from: unknown, key: string, otherwise?: string): string => {
    const value = inside(from, key) ?? otherwise
    if (typeof value === 'string') return value
    throw new CommandError(`${file} names no ${key} for the cloud «${CLOUD_OF[user]}»`)
  }
  return {
    authUrl: text(auth, 'auth_url'),
    username: text(auth, 'username'),
    password: text(auth, 'password'),
    project: text(auth, 'project_name'),
    userDomain: text(auth, 'user_domain_name', 'Default'),
    projectDomain: text(auth, 'project_domain_name', 'Default'),
    region: text(cloud, 'region_name', 'RegionOne'),
  }
}

/** The same as shell variables, quoted, so that `eval "$(…)"` is safe whatever the password holds. */
export function openrc(access: CloudAccess): string {
  const variables = {
    OS_AUTH_URL: access.authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: access.username,
    OS_PASSWORD: access.password,
    OS_PROJECT_NAME: access.project,
    OS_USER_DOMAIN_NAME: access.userDomain,
    OS_PROJECT_DOMAIN_NAME: access.projectDomain,
    OS_REGION_NAME: access.region,
  }
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`)
  // Left over from another cloud, these would win over the variables above.
  return [...lines, 'unset OS_CLOUD OS_TOKEN OS_PROJECT_ID OS_USER_ID'].join('\n')
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`
}

function inside(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return new Map(Object.entries(value)).get(key)
}
