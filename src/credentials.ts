import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import type { Config } from './kernel/config/config.ts'
import type { DataFolder } from './kernel/config/data-folder.ts'

/** Passwords of the users that first start makes. */
export interface Passwords {
  readonly admin: string
  readonly demo: string
  readonly service: string
}

interface CloudsFile {
  readonly clouds: Readonly<Record<string, { readonly auth: { readonly password: string } }>>
}

/**
 * Makes the passwords once and writes them, readable by the owner only, before any user has them: a start that was cut off
 * goes on with the same ones. `clouds.yaml` has `stackyard` (demo) and `stackyard-admin`; `openrc` is the admin's.
 */
export function ensureCredentials(config: Config, folder: DataFolder, port: number): Passwords {
  const file = folder.file('clouds.yaml')
  const known = existsSync(file)
    ? (parse(readFileSync(file, 'utf8')) as CloudsFile).clouds
    : undefined // written below
  const kept = (cloud: string): string =>
    known?.[cloud]?.auth.password ?? randomBytes(15).toString('base64url')
  const passwords = {
    admin: kept('stackyard-admin'),
    demo: kept('stackyard'),
    service: kept('stackyard-service'),
  }
  const authUrl = `http://${reachable(config)}:${port}/identity/v3`
  const cloud = (username: string, project: string, password: string): unknown => ({
    auth: {
      auth_url: authUrl,
      username,
      password,
      project_name: project,
      user_domain_id: 'default',
      project_domain_id: 'default',
    },
    region_name: config.identity.region,
    identity_api_version: '3',
  })
  write(
    file,
    stringify({
      clouds: {
        stackyard: cloud('demo', 'demo', passwords.demo),
        'stackyard-admin': cloud('admin', 'admin', passwords.admin),
        'stackyard-service': cloud('service', 'service', passwords.service),
      },
    }),
  )
  write(folder.file('openrc'), openrc(authUrl, config.identity.region, passwords.admin))
  return passwords
}

/** The address that clients on this host or, with HOST_IP, elsewhere can use. */
function reachable(config: Config): string {
  const { host } = config.listen
  return config.network.hostIp ?? (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host)
}

function write(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  writeFileSync(file, text, { mode: 0o600, flush: true })
}

function openrc(authUrl: string, region: string, password: string): string {
  const values = {
    OS_AUTH_URL: authUrl,
    OS_USERNAME: 'admin',
    OS_PASSWORD: password,
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: region,
    OS_IDENTITY_API_VERSION: '3',
    OS_AUTH_TYPE: 'password',
  }
  return Object.entries(values)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('')
}
