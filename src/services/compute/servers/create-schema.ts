import { Type, type TSchema } from '../../../kernel/schema/type.ts'
import { within } from '../../../kernel/http/microversion.ts'
import { BooleanLike, IntegerLike, METADATA_KEY, Name, Text } from '../wire/schemas.ts'

/** One of `networks`: a network to make a port in, or a port to take. */
export interface AskedNic {
  readonly uuid?: string
  readonly port?: string | null
  readonly fixed_ip?: string
  readonly tag?: string
}

export interface AskedFile {
  readonly path: string
  readonly contents: string
}

/** What `POST /servers` may say, all versions together; the schema of the asked version decides what is let in. */
export interface ServerWish {
  readonly name: string
  readonly flavorRef: string | number
  readonly imageRef?: string
  readonly adminPass?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly networks?: readonly AskedNic[] | 'none' | 'auto'
  readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL'
  readonly accessIPv4?: string
  readonly accessIPv6?: string
  readonly personality?: readonly AskedFile[]
  readonly availability_zone?: string
  readonly block_device_mapping?: readonly unknown[]
  readonly block_device_mapping_v2?: readonly Readonly<Record<string, unknown>>[]
  readonly config_drive?: boolean | string | number
  readonly min_count?: number | string
  readonly max_count?: number | string
  readonly return_reservation_id?: boolean | string | number
  readonly key_name?: string
  readonly security_groups?: readonly { readonly name?: string }[]
  readonly user_data?: string
  readonly description?: string | null
  readonly tags?: readonly string[]
  readonly trusted_image_certificates?: readonly string[] | null
  readonly host?: string
  readonly hypervisor_hostname?: string
  readonly hostname?: string
}

export interface Hints {
  readonly group?: string
  readonly different_host?: string | readonly string[]
  readonly same_host?: string | readonly string[]
}

export interface CreateBody {
  readonly server: ServerWish
  readonly 'os:scheduler_hints'?: Hints
  readonly 'OS-SCH-HNT:scheduler_hints'?: Hints
}

const strict = { additionalProperties: false } as const
const opt = Type.Optional

/** Not empty, without null characters. */
export const Word = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]+$' })
export const Metadata = Type.Record(Type.String({ pattern: METADATA_KEY }), Text(255), strict)
export const DiskConfig = Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])
export const Tag = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/\\u0000]*$' })
export const Tags = Type.Array(Tag, { maxItems: 50, uniqueItems: true })
export const Base64 = Type.String({ maxLength: 65_535, pattern: '^[A-Za-z0-9+/\\s]*={0,2}\\s*$' })
export const Files = Type.Array(
  Type.Object(
    {
      path: Text(4096),
      contents: Type.String({ maxLength: 200_000, pattern: '^[A-Za-z0-9+/\\s]*={0,2}\\s*$' }),
    },
    strict,
  ),
  { maxItems: 1000 },
)
export const Description = Type.Union([Text(255), Type.Null()])
export const Uuid = Type.String({ format: 'uuid' })
export const TrustedCerts = Type.Union([
  Type.Array(Word, { minItems: 1, maxItems: 50, uniqueItems: true }),
  Type.Null(),
])
export const Ip = Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })])
export const Password = Text(255)
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
/** One label from 2.90 on, dotted ones from 2.94 on. */
export const hostnameSchema = (version: string): TSchema =>
  within(version, '2.94', undefined)
    ? Type.String({ minLength: 2, maxLength: 255, pattern: `^${label}(?:\\.${label})*$` })
    : Type.String({ minLength: 2, maxLength: 63, pattern: `^${label}$` })
export const FlavorRef = Type.Union([
  Type.String({ minLength: 1, maxLength: 1024, pattern: '^[^\\u0000]*$' }),
  Type.Integer({ minimum: 0 }),
])

/** Device tags went missing by mistake: from 2.33 for disks, from 2.37 for networks, until 2.42. */
const nicTags = (version: string): boolean =>
  within(version, '2.32', '2.36') || within(version, '2.42', undefined)
const diskTags = (version: string): boolean =>
  within(version, '2.32', '2.32') || within(version, '2.42', undefined)

function networksSchema(version: string): TSchema {
  const nic = Type.Object(
    {
      uuid: opt(Uuid),
      port: opt(Type.Union([Uuid, Type.Null()])),
      fixed_ip: opt(Ip),
      ...(nicTags(version) ? { tag: opt(Tag) } : {}),
    },
    strict,
  )
  const list = Type.Array(nic, { maxItems: 64 })
  return within(version, '2.37', undefined)
    ? Type.Union([list, Type.Literal('none'), Type.Literal('auto')])
    : opt(list)
}

function disksSchema(version: string): TSchema {
  const count = Type.Union([Type.Integer(), Type.String({ maxLength: 40 }), Type.Null()])
  const word = Text(255)
  return Type.Array(
    Type.Object(
      {
        uuid: opt(Type.Union([Word, Type.Null()])),
        source_type: opt(
          Type.Union([
            Type.Literal('volume'),
            Type.Literal('image'),
            Type.Literal('snapshot'),
            Type.Literal('blank'),
          ]),
        ),
        destination_type: opt(Type.Union([Type.Literal('local'), Type.Literal('volume')])),
        boot_index: opt(count),
        volume_size: opt(count),
        delete_on_termination: opt(BooleanLike),
        guest_format: opt(word),
        device_name: opt(word),
        disk_bus: opt(word),
        device_type: opt(word),
        no_device: opt(Type.Unknown()),
        ...(diskTags(version) ? { tag: opt(Tag) } : {}),
        ...(within(version, '2.67', undefined)
          ? { volume_type: opt(Type.Union([word, Type.Null()])) }
          : {}),
      },
      strict,
    ),
    { maxItems: 64 },
  )
}

/** Scheduler hints are open to words we do not know, as the original's are to its filters. */
const HintList = Type.Union([Uuid, Type.Array(Uuid, { maxItems: 100 })])
const Hint = Type.Object(
  { group: opt(Uuid), different_host: opt(HintList), same_host: opt(HintList) },
  { additionalProperties: true },
)

/** The versions at which the body's schema changes. */
export const CREATE_VERSIONS = [
  '2.1',
  '2.19',
  '2.32',
  '2.33',
  '2.37',
  '2.42',
  '2.52',
  '2.57',
  '2.63',
  '2.67',
  '2.74',
  '2.90',
  '2.94',
] as const

/** What later versions added, and the files that 2.57 took away. */
function laterFields(version: string): Record<string, TSchema> {
  const since = (from: string): boolean => within(version, from, undefined)
  return {
    ...(since('2.19') ? { description: opt(Description) } : {}),
    ...(since('2.52') ? { tags: opt(Tags) } : {}),
    ...(since('2.57') ? {} : { personality: opt(Files) }),
    ...(since('2.63') ? { trusted_image_certificates: opt(TrustedCerts) } : {}),
    ...(since('2.74') ? { host: opt(Text(255)), hypervisor_hostname: opt(Text(255)) } : {}),
    ...(since('2.90') ? { hostname: opt(hostnameSchema(version)) } : {}),
  }
}

export function createSchema(version: string) {
  const server = Type.Object(
    {
      name: Name,
      flavorRef: FlavorRef,
      imageRef: opt(Type.Union([Uuid, Type.Literal('')])),
      adminPass: opt(Password),
      metadata: opt(Metadata),
      networks: networksSchema(version),
      'OS-DCF:diskConfig': opt(DiskConfig),
      accessIPv4: opt(Type.String({ format: 'ipv4' })),
      accessIPv6: opt(Type.String({ format: 'ipv6' })),
      availability_zone: opt(Text(255)),
      block_device_mapping: opt(
        Type.Array(Type.Object({}, { additionalProperties: true }), { maxItems: 64 }),
      ),
      block_device_mapping_v2: opt(disksSchema(version)),
      config_drive: opt(Type.Union([BooleanLike, Type.Literal('')])),
      min_count: opt(IntegerLike(1)),
      max_count: opt(IntegerLike(1)),
      return_reservation_id: opt(BooleanLike),
      key_name: opt(Word),
      user_data: opt(Base64),
      security_groups: opt(
        Type.Array(Type.Object({ name: opt(Text(255)) }, { additionalProperties: true }), {
          maxItems: 64,
        }),
      ),
      ...laterFields(version),
    },
    strict,
  )
  return Type.Unsafe<CreateBody>(
    Type.Object(
      { server, 'os:scheduler_hints': opt(Hint), 'OS-SCH-HNT:scheduler_hints': opt(Hint) },
      strict,
    ),
  )
}
