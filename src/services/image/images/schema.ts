import { Type, type Static } from '../../../kernel/schema/type.ts'

export const containerFormats = [
  'ami',
  'ari',
  'aki',
  'bare',
  'ovf',
  'ova',
  'docker',
  'compressed',
] as const
export const diskFormats = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vhdx',
  'vmdk',
  'raw',
  'qcow2',
  'vdi',
  'iso',
  'ploop',
] as const
export const visibilities = ['public', 'community', 'shared', 'private'] as const
export const statuses = [
  'queued',
  'saving',
  'active',
  'killed',
  'deleted',
  'uploading',
  'importing',
  'pending_delete',
  'deactivated',
] as const

export type Visibility = (typeof visibilities)[number]
export type ImageStatus = (typeof statuses)[number]

/** SQL and JSON numbers of this size are safe everywhere; Glance has the same bound. */
const MOST = 2_147_483_647
const UUID = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'

const nullableText = (maxLength: number): ReturnType<typeof Type.Unsafe<string | null>> =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength })
const nullableOneOf = (values: readonly string[]): ReturnType<typeof Type.Unsafe<string | null>> =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], enum: [null, ...values] })
const imageReference = Type.Unsafe<string | null>({ type: ['string', 'null'], pattern: UUID })

/** The attributes that a client may set, and any custom property as text. */
const settable = {
  name: Type.Optional(nullableText(255)),
  visibility: Type.Optional(Type.Unsafe<Visibility>({ type: 'string', enum: visibilities })),
  protected: Type.Optional(Type.Boolean()),
  os_hidden: Type.Optional(Type.Boolean()),
  owner: Type.Optional(nullableText(255)),
  container_format: Type.Optional(nullableOneOf(containerFormats)),
  disk_format: Type.Optional(nullableOneOf(diskFormats)),
  min_disk: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST })),
  min_ram: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST })),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }))),
  kernel_id: Type.Optional(imageReference),
  ramdisk_id: Type.Optional(imageReference),
} as const

const rest = {
  additionalProperties: Type.String({ maxLength: 65_535 }),
  propertyNames: { minLength: 1, maxLength: 255 },
} as const

export const NewImageBody = Type.Object(
  { id: Type.Optional(Type.String({ pattern: UUID })), ...settable },
  rest,
)
export type NewImageBody = Static<typeof NewImageBody>

/** An image after a patch: the same rules, every attribute there. */
export const PatchedImage = Type.Object(settable, rest)

/** Attributes that stand in columns of their own and can be set; everything else a client sends is a custom property. */
export const baseAttributes = [
  'name',
  'visibility',
  'protected',
  'os_hidden',
  'owner',
  'container_format',
  'disk_format',
  'min_disk',
  'min_ram',
  'tags',
] as const
export type BaseAttribute = (typeof baseAttributes)[number]

export function isBaseAttribute(name: string): name is BaseAttribute {
  return baseAttributes.some((base) => base === name)
}

/** Written by the service only. */
export const readOnlyAttributes: ReadonlySet<string> = new Set([
  'id',
  'created_at',
  'updated_at',
  'status',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'size',
  'virtual_size',
  'direct_url',
  'self',
  'file',
  'schema',
  'stores',
])
/** Glance keeps these words for itself. */
export const reservedAttributes: ReadonlySet<string> = new Set([
  'location',
  'locations',
  'deleted',
  'deleted_at',
])
export const RESERVED_PREFIX = 'os_glance'

export interface ImageTable {
  id: string
  name: string | null
  status: ImageStatus
  visibility: Visibility
  owner: string | null
  protected: number
  os_hidden: number
  container_format: string | null
  disk_format: string | null
  min_disk: number
  min_ram: number
  size: number | null
  virtual_size: number | null
  checksum: string | null
  /** Only of an image stored when this was the key under which the engine knows it. */
  sha256: string | null
  sha512: string | null
  /** Where the bytes are, or while `saving` and `importing` are being written; a name is used for one attempt only. */
  blob: string | null
  /** Where staged bytes are or are being written. */
  staged: string | null
  /** `StoredBlob` as JSON, once staging is complete. */
  staged_digest: string | null
  staged_size: number | null
  /** The process that writes, and until when (ms) it may be believed to live. */
  writer: string | null
  writer_until: number
  importing_to: string | null
  failed_import: string | null
  created_at: string
  updated_at: string
}

export interface PropertyTable {
  image_id: string
  name: string
  value: string
}

export interface TagTable {
  image_id: string
  tag: string
}

/** A row with what hangs on it. */
export interface Image extends Readonly<ImageTable> {
  readonly properties: Readonly<Record<string, string>>
  readonly tags: readonly string[]
}
