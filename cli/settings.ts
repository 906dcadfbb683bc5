import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { loadConfig, type Config } from '../src/kernel/config/config.ts'
import { environment } from '../src/kernel/config/environment.ts'
import { CommandError, textOption, type Arguments, type OptionHelp } from './command.ts'
import { parseLocalConf } from './local-conf.ts'

/** Where the cloud lives and how it is started, from flags, environment, `local.conf` and the configuration file, in this order. */
export interface Settings {
  readonly data: string
  readonly config: Config
  /** Arguments for `src/main.ts`: only what was asked for here, so that its configuration file decides the rest. */
  readonly mainArgs: readonly string[]
}

export const dataOption = {
  data: {
    type: 'string',
    value: 'FOLDER',
    help: 'data folder (STACKYARD_DATA, else /var/lib/stackyard for root, else ~/.local/share/stackyard)',
  },
} as const satisfies Record<string, OptionHelp>

export const yesOption = {
  yes: { type: 'boolean', short: 'y', help: 'do not ask' },
} as const satisfies Record<string, OptionHelp>

export const startOptions = {
  ...dataOption,
  ...yesOption,
  host: { type: 'string', value: 'ADDRESS', help: 'address to listen on (127.0.0.1)' },
  port: { type: 'string', value: 'PORT', help: 'port to listen on (5000)' },
  'host-ip': { type: 'string', value: 'ADDRESS', help: 'address that clouds.yaml names (HOST_IP)' },
  'floating-range': {
    type: 'string',
    value: 'CIDR',
    help: 'floating addresses (FLOATING_RANGE, 172.24.4.0/24)',
  },
  'fixed-range': {
    type: 'string',
    value: 'CIDR',
    help: 'first tenant network (FIXED_RANGE, 10.0.0.0/24)',
  },
  engines: {
    type: 'string',
    value: 'KIND',
    help: 'docker, or fake: the APIs alone, in memory, without root',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'configuration file (stackyard.yaml in the data folder)',
  },
  'docker-socket': {
    type: 'string',
    value: 'PATH',
    help: 'the Docker Engine to use (/var/run/docker.sock)',
  },
  'ssh-port': { type: 'string', value: 'PORT', help: 'port of the SSH gateway (2222)' },
} as const satisfies Record<string, OptionHelp>

/** Flag of `src/main.ts` → its place in the configuration. */
const FLAGS = {
  host: 'listen.host',
  port: 'listen.port',
  'host-ip': 'network.hostIp',
  'floating-range': 'network.floatingRange',
  'fixed-range': 'network.fixedRange',
  engines: 'engines.kind',
  'docker-socket': 'engines.dockerSocket',
  'ssh-port': 'ssh.port',
} as const

/** DevStack's three words, as they stand in its `local.conf` and in the environment. */
const DEVSTACK = {
  'host-ip': 'HOST_IP',
  'floating-range': 'FLOATING_RANGE',
  'fixed-range': 'FIXED_RANGE',
} as const

export function readSettings(args: Arguments): Settings {
  const local = readLocalConf()
  const given = new Map<string, string>()
  for (const flag of Object.keys(FLAGS)) {
    const value = textOption(args, flag) ?? local.get(flag)
    if (value !== undefined) given.set(flag, value)
  }
  return settingsFrom(dataFolder(textOption(args, 'data')), given, textOption(args, 'config'))
}

/** Settings of a cloud that runs already, from the arguments that its process was started with. */
export function settingsFromMainArgs(data: string, argv: readonly string[]): Settings {
  const given = new Map<string, string>()
  for (let index = 0; index + 1 < argv.length; index++) {
    const [flag = '', value = ''] = argv.slice(index, index + 2)
    if (flag.startsWith('--')) given.set(flag.slice(2), value)
  }
  return settingsFrom(data, given, given.get('config'))
}

function settingsFrom(
  data: string,
  given: ReadonlyMap<string, string>,
  file: string | undefined,
): Settings {
  const flags: Record<string, string | number | undefined> = { data }
  const mainArgs = ['--data', data]
  for (const [flag, place] of Object.entries(FLAGS)) {
    const value = given.get(flag)
    if (value === undefined) continue
    flags[place] = flag.endsWith('port') ? portNumber(flag, value) : value
    mainArgs.push(`--${flag}`, value)
  }
  if (file !== undefined) mainArgs.push('--config', resolve(file))
  const config = loadConfig({ ...(file === undefined ? {} : { file }), flags, env: environment() })
  checkAddresses(config)
  return { data, config, mainArgs }
}

/** `local.conf` of the current folder; what the environment says wins over it. */
function readLocalConf(): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (!existsSync('local.conf')) return found
  const conf = parseLocalConf(readFileSync('local.conf', 'utf8'))
  for (const [flag, word] of Object.entries(DEVSTACK)) {
    const value = conf.get(word)
    if (value !== undefined && value !== '' && (environment()[word] ?? '') === '') {
      found.set(flag, value)
    }
  }
  return found
}

function dataFolder(flag: string | undefined): string {
  const wanted = flag ?? environment()['STACKYARD_DATA']
  if (wanted !== undefined && wanted !== '') return resolve(wanted)
  if (process.getuid?.() === 0) return '/var/lib/stackyard'
  return join(homedir(), '.local', 'share', 'stackyard')
}

function portNumber(flag: string, value: string): number {
  const port = Number(value)
  const lowest = flag === 'port' ? 1 : 0 // 0: any free one, for tests
  if (Number.isInteger(port) && port >= lowest && port < 65_536) return port
  throw new CommandError(`--${flag} ${value} is not a port number between 1 and 65535`)
}

function checkAddresses(config: Config): void {
  const { hostIp, floatingRange, fixedRange } = config.network
  if (hostIp !== undefined && isIP(hostIp) === 0) {
    throw new CommandError(`HOST_IP ${hostIp} is not an IP address`)
  }
  for (const [word, range] of Object.entries({
    FLOATING_RANGE: floatingRange,
    FIXED_RANGE: fixedRange,
  })) {
    if (isRange(range)) continue
    throw new CommandError(`${word} ${range} is not an IPv4 range such as 172.24.4.0/24`)
  }
}

function isRange(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  return isIP(address) === 4 && /^\d+$/.test(bits) && Number(bits) <= 30 && more.length === 0
}
