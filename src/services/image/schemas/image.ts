import { containerFormats, diskFormats, statuses, visibilities } from '../images/schema.ts'

type Json = Record<string, unknown>

const UUID =
  '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'
const orNull = (type: string): string[] => ['null', type]
const shown = { readOnly: true } as const

/** Clients build their models and help texts from this, and glanceclient checks every image against it. */
const properties: Json = {
  id: { type: 'string', pattern: UUID, description: 'An identifier for the image' },
  name: { type: orNull('string'), maxLength: 255, description: 'Descriptive name for the image' },
  status: { type: 'string', enum: statuses, ...shown, description: 'Status of the image' },
  visibility: { type: 'string', enum: visibilities, description: 'Scope of image accessibility' },
  protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
  os_hidden: {
    type: 'boolean',
    description: 'If true, image will not appear in default image list response.',
  },
  owner: { type: orNull('string'), maxLength: 255, description: 'Owner of the image' },
  container_format: {
    type: orNull('string'),
    enum: [null, ...containerFormats],
    description: 'Format of the container',
  },
  disk_format: {
    type: orNull('string'),
    enum: [null, ...diskFormats],
    description: 'Format of the disk',
  },
  min_disk: {
    type: 'integer',
    description: 'Amount of disk space (in GB) required to boot image.',
  },
  min_ram: { type: 'integer', description: 'Amount of ram (in MB) required to boot image.' },
  size: { type: orNull('integer'), ...shown, description: 'Size of image file in bytes' },
  virtual_size: {
    type: orNull('integer'),
    ...shown,
    description: 'Virtual size of image in bytes',
  },
  checksum: {
    type: orNull('string'),
    maxLength: 32,
    ...shown,
    description: 'MD5 hash of image contents.',
  },
  os_hash_algo: {
    type: orNull('string'),
    maxLength: 64,
    ...shown,
    description: 'Algorithm to calculate the os_hash_value',
  },
  os_hash_value: {
    type: orNull('string'),
    maxLength: 128,
    ...shown,
    description:
      'Hexdigest of the image contents using the algorithm specified by the os_hash_algo',
  },
  tags: {
    type: 'array',
    items: { type: 'string', maxLength: 255 },
    description: 'List of strings related to the image',
  },
  created_at: { type: 'string', ...shown, description: 'Date and time of image registration' },
  updated_at: {
    type: 'string',
    ...shown,
    description: 'Date and time of the last image modification',
  },
  self: { type: 'string', ...shown, description: 'An image self url' },
  file: { type: 'string', ...shown, description: 'An image file url' },
  schema: { type: 'string', ...shown, description: 'An image schema url' },
  stores: { type: 'string', ...shown, description: 'Store in which image data resides.' },
  kernel_id: {
    type: orNull('string'),
    pattern: UUID,
    is_base: false,
    description: 'ID of image that should be used as the kernel when booting an AMI-style image.',
  },
  ramdisk_id: {
    type: orNull('string'),
    pattern: UUID,
    is_base: false,
    description: 'ID of image that should be used as the ramdisk when booting an AMI-style image.',
  },
  architecture: { type: 'string', is_base: false, description: 'Operating system architecture' },
  instance_uuid: {
    type: 'string',
    is_base: false,
    description: 'Instance this image is a snapshot of',
  },
  os_distro: {
    type: 'string',
    is_base: false,
    description: 'Common name of operating system distribution',
  },
  os_version: {
    type: 'string',
    is_base: false,
    description: 'Operating system version as specified by the distributor',
  },
}

export const imageSchema: Json = {
  name: 'image',
  properties,
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
}
