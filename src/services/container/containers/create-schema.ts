import { Type, type Static, type TProperties } from '../../../kernel/schema/type.ts'
import {
  BooleanLike,
  Digits,
  Ident,
  ImageName,
  Name,
  orNull,
  Text,
  TextMap,
} from '../wire/schemas.ts'

export const Cpu = Type.Union([
  Type.Number(),
  Type.String({ maxLength: 20, pattern: '^[0-9]*(\\.[0-9]+)?$', minLength: 1 }),
])

const closed = { additionalProperties: false } as const

export const Net = Type.Object(
  {
    network: Type.Optional(Ident),
    port: Type.Optional(Ident),
    'v4-fixed-ip': Type.Optional(Type.String({ format: 'ipv4' })),
    'v6-fixed-ip': Type.Optional(Type.String({ format: 'ipv6' })),
  },
  closed,
)
export type Net = Static<typeof Net>

const MountWish = Type.Object(
  {
    type: Type.Optional(Type.Union([Type.Literal('volume'), Type.Literal('bind')])),
    source: Type.Optional(Text(700_000)),
    destination: Text(4096, 1),
    size: Type.Optional(Digits),
  },
  closed,
)
export type MountWish = Static<typeof MountWish>

const Restart = Type.Object(
  {
    Name: Type.Union([
      Type.Literal('no'),
      Type.Literal('always'),
      Type.Literal('on-failure'),
      Type.Literal('unless-stopped'),
    ]),
    MaximumRetryCount: Type.Optional(orNull(Digits)),
  },
  closed,
)
export type RestartWish = Static<typeof Restart>

const Seconds = orNull(Type.Integer({ minimum: 1, maximum: 86_400 }))
const Health = Type.Object(
  {
    cmd: Text(1024, 1),
    interval: Type.Optional(Seconds),
    retries: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: 1000 }))),
    timeout: Type.Optional(Seconds),
  },
  closed,
)
export type HealthWish = Static<typeof Health>

export const PullPolicy = Type.String({
  pattern: '^(never|always|ifnotpresent|Never|Always|IfNotPresent)$',
})
export const Driver = Type.Union([
  Type.Literal('docker'),
  Type.Literal('glance'),
  Type.Literal('None'),
])
const Words = Type.Array(Text(32_768), { maxItems: 1000 })
const PortMap = Type.Record(Type.String({ pattern: '^[0-9]{1,5}(/(tcp|udp))?$' }), Type.Unknown())

const fields = {
  name: Type.Optional(orNull(Name)),
  image: ImageName,
  cpu: Type.Optional(orNull(Cpu)),
  cpu_policy: Type.Optional(Type.Union([Type.Literal('shared'), Type.Literal('dedicated')])),
  memory: Type.Optional(orNull(Digits)),
  disk: Type.Optional(orNull(Digits)),
  workdir: Type.Optional(orNull(Text(4096))),
  auto_remove: Type.Optional(orNull(BooleanLike)),
  image_pull_policy: Type.Optional(orNull(PullPolicy)),
  labels: Type.Optional(orNull(TextMap)),
  environment: Type.Optional(orNull(TextMap)),
  restart_policy: Type.Optional(orNull(Restart)),
  interactive: Type.Optional(orNull(BooleanLike)),
  tty: Type.Optional(orNull(BooleanLike)),
  image_driver: Type.Optional(orNull(Driver)),
  security_groups: Type.Optional(orNull(Type.Array(Ident, { maxItems: 100 }))),
  hints: Type.Optional(orNull(Type.Record(Type.String(), Type.Unknown()))),
  mounts: Type.Optional(orNull(Type.Array(MountWish, { maxItems: 100 }))),
  nets: Type.Optional(orNull(Type.Array(Net, { maxItems: 32 }))),
  runtime: Type.Optional(orNull(Text(255))),
  hostname: Type.Optional(
    orNull(
      Type.String({
        minLength: 1,
        maxLength: 63,
        pattern: '^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$',
      }),
    ),
  ),
  availability_zone: Type.Optional(orNull(Text(255, 1))),
  auto_heal: Type.Optional(orNull(BooleanLike)),
  privileged: Type.Optional(orNull(BooleanLike)),
  healthcheck: Type.Optional(orNull(Health)),
  exposed_ports: Type.Optional(orNull(PortMap)),
  // ours: ports of the host that lead to ports of the container
  published_ports: Type.Optional(
    orNull(
      Type.Record(
        Type.String({ pattern: '^[0-9]{1,5}(/(tcp|udp))?$' }),
        Type.Integer({ minimum: 0, maximum: 65_535 }),
      ),
    ),
  ),
  registry: Type.Optional(orNull(Name)),
} satisfies TProperties

/** Up to 1.19 a command is a line of shell words. */
export const LegacyCreate = Type.Object(
  { ...fields, command: Type.Optional(orNull(Text(65_536))) },
  closed,
)
const listed = { ...fields, command: Type.Optional(orNull(Words)) }
export const Create120 = Type.Object(listed, closed)
const hosted = {
  ...listed,
  host: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })),
}
export const Create139 = Type.Object(hosted, closed)
export const Create140 = Type.Object(
  { ...hosted, entrypoint: Type.Optional(orNull(Words)) },
  closed,
)

export type CreateBody = Omit<Static<typeof Create140>, 'command'> & {
  readonly command?: string | readonly string[] | null
}

export const RunQuery = Type.Object({ run: Type.Optional(BooleanLike) }, closed)
