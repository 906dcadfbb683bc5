import { Type, type Static } from '../../../kernel/schema/type.ts'

/** What `POST /v2/images/{id}/import` can do here. */
export const IMPORT_METHODS = ['glance-direct', 'web-download', 'glance-download'] as const
export type ImportMethod = (typeof IMPORT_METHODS)[number]

export const ImportBody = Type.Object(
  {
    method: Type.Object({
      name: Type.String(),
      uri: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
      glance_image_id: Type.Optional(Type.String()),
      glance_region: Type.Optional(Type.String()),
      glance_service_interface: Type.Optional(Type.String()),
    }),
    stores: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    all_stores: Type.Optional(Type.Boolean()),
    all_stores_must_succeed: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
export type ImportBody = Static<typeof ImportBody>
