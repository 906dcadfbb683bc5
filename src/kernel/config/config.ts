import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Type, type Static } from '../schema/type.ts'
import { parse } from 'yaml'
import { validate } from '../http/validate.ts'
import { environment } from './environment.ts'

const Port = Type.Integer({ minimum: 0, maximum: 65_535 })

/** Everything an operator may set; one example of each stands in `deploy/stackyard.example.yaml`. */
export const ConfigSchema = Type.Object(
  {
    data: Type.String({ description: 'Data folder: database, images, logs, clouds.yaml' }),
    listen: Type.Object(
      { host: Type.String({ default: '127.0.0.1' }), port: { ...Port, default: 5000 } },
      { additionalProperties: false, default: {} },
    ),
    database: Type.Object(
      {
        url: Type.Optional(
          Type.String({ description: 'postgres://…; without it, SQLite in the data folder' }),
        ),
      },
      { additionalProperties: false, default: {} },
    ),
    engines: Type.Object(
      {
        kind: Type.Union([Type.Literal('docker'), Type.Literal('fake')], { default: 'docker' }),
        dockerSocket: Type.String({ default: '/var/run/docker.sock' }),
        sandboxPool: Type.Integer({
          minimum: 0,
          maximum: 200,
          default: 8,
          description: 'Sandboxes kept ready, so that a server starts faster',
        }),
      },
      { additionalProperties: false, default: {} },
    ),
    network: Type.Object(
      {
        hostIp: Type.Optional(
          Type.String({ description: 'DevStack HOST_IP: address that clouds.yaml names' }),
        ),
        floatingRange: Type.String({ default: '172.24.4.0/24' }),
        fixedRange: Type.String({ default: '10.0.0.0/24' }),
        sweepSeconds: Type.Integer({
          minimum: 1,
          maximum: 3600,
          default: 60,
          description:
            'How often networks on the host are compared with what is wanted, and repaired',
        }),
        mtu: Type.Integer({ minimum: 1280, maximum: 9000, default: 1500 }),
        dns: Type.Array(Type.String(), {
          default: [],
          description:
            "Name servers that the networks' resolvers ask for names of the world; without any, the host's own",
        }),
        dnsDomain: Type.String({
          default: 'openstacklocal',
          pattern: '^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$',
          description: "Domain of guests' names in networks that have none of their own",
        }),
      },
      { additionalProperties: false, default: {} },
    ),
    docker: Type.Object(
      {
        networkDriver: Type.String({
          default: 'kuryr',
          pattern: '^([a-z0-9][a-z0-9_.-]{0,62})?$',
          description:
            "Name under which `docker network create -d` finds the tenants' networks; empty: not at all",
        }),
        project: Type.Optional(
          Type.String({
            description:
              'Project of networks that Docker makes without naming one: name or id; default demo, else admin',
          }),
        ),
      },
      { additionalProperties: false, default: {} },
    ),
    identity: Type.Object(
      {
        region: Type.String({ default: 'RegionOne' }),
        tokenHours: Type.Number({ exclusiveMinimum: 0, maximum: 720, default: 12 }),
      },
      { additionalProperties: false, default: {} },
    ),
    compute: Type.Object(
      {
        vendorData: Type.Record(Type.String(), Type.Unknown(), {
          default: {},
          description:
            'What every server reads as vendor data, from the metadata service or its config drive; cloud-init takes its own part under `cloud-init`',
        }),
      },
      { additionalProperties: false, default: {} },
    ),
    container: Type.Object(
      {
        uniqueNames: Type.Union(
          ['none', 'project', 'global'].map((scope) => Type.Literal(scope)),
          {
            default: 'none',
            description: 'Within what the names of containers may not repeat',
          },
        ),
      },
      { additionalProperties: false, default: {} },
    ),
    builds: Type.Object(
      {
        minutes: Type.Integer({
          minimum: 1,
          maximum: 1440,
          default: 30,
          description: 'The longest that building an image may take',
        }),
        contextMiB: Type.Integer({
          minimum: 1,
          maximum: 1_048_576,
          default: 1024,
          description: 'The most that may be sent for one',
        }),
      },
      { additionalProperties: false, default: {} },
    ),
    ssh: Type.Object(
      {
        enabled: Type.Boolean({
          default: true,
          description: 'The SSH gateway: a shell in any container for the owner of a keypair',
        }),
        port: { ...Port, default: 2222 },
      },
      { additionalProperties: false, default: {} },
    ),
    log: Type.Object(
      {
        level: Type.Union(
          ['debug', 'info', 'warn', 'error', 'silent'].map((level) => Type.Literal(level)),
          { default: 'info' },
        ),
      },
      { additionalProperties: false, default: {} },
    ),
    hostName: Type.String({
      default: '',
      description: 'Name of this host in services and hypervisors; default: its hostname',
    }),
  },
  { additionalProperties: false },
)
export type Config = Static<typeof ConfigSchema>

export interface ConfigInput {
  readonly file?: string
  /** Wins over the file: dotted keys, e.g. `{ 'listen.port': 5001 }`. Undefined values are left out. */
  readonly flags?: Readonly<Record<string, string | number | undefined>>
  /** Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Flags win over environment, environment over the file `stackyard.yaml` in the data folder, that over defaults. */
export function loadConfig(input: ConfigInput): Config {
  const env = input.env ?? environment()
  const data = String(input.flags?.['data'] ?? env['STACKYARD_DATA'] ?? '/var/lib/stackyard')
  const config = {
    ...readYaml(input.file ?? join(data, 'stackyard.yaml'), input.file !== undefined),
    data,
  }
  const fromEnv: Record<string, string | undefined> = {
    'database.url': env['STACKYARD_DATABASE_URL'],
    'log.level': env['STACKYARD_LOG_LEVEL'],
    'network.hostIp': env['HOST_IP'],
    'network.floatingRange': env['FLOATING_RANGE'],
    'network.fixedRange': env['FIXED_RANGE'],
  }
  for (const [key, value] of [...Object.entries(fromEnv), ...Object.entries(input.flags ?? {})]) {
    if (value !== undefined && value !== '') put(config, key.split('.'), value)
  }
  try {
    validate(ConfigSchema, config, 'text', 'configuration')
  } catch (cause) {
    throw new Error('the configuration cannot be used', { cause })
  }
  const valid = config as unknown as Config // just validated, defaults filled in
  return { ...valid, hostName: valid.hostName === '' ? hostname() : valid.hostName }
}

function readYaml(file: string, required: boolean): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (!required) return {}
    throw new Error(`reading configuration ${file}`, { cause })
  }
  const value: unknown = parse(text) ?? {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error(`configuration ${file} is not a map`)
  return { ...value }
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head = '', ...rest] = path
  if (rest.length === 0) {
    target[head] = value
    return
  }
  const inner = { ...(target[head] as Record<string, unknown> | undefined) } // a map, or validation will say so
  put(inner, rest, value)
  target[head] = inner
}
