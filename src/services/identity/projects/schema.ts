import { Type, type Static } from '../../../kernel/schema/type.ts'
import { Description, IdText, NullableId, openBody, ShortName } from '../wire.ts'

/** A tag is part of URLs and of comma-separated lists. */
export const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]*$' })
export const Tags = Type.Array(Tag, { maxItems: 80, uniqueItems: true })

export const ResourceOptions = Type.Object(
  { immutable: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])) },
  { additionalProperties: false },
)

const attributes = {
  description: Type.Optional(Description),
  enabled: Type.Optional(Type.Boolean()),
  is_domain: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Tags),
  options: Type.Optional(ResourceOptions),
}
export const CreateProject = openBody('project', {
  name: ShortName,
  domain_id: Type.Optional(NullableId),
  parent_id: Type.Optional(NullableId),
  ...attributes,
})
export const UpdateProject = openBody('project', {
  name: Type.Optional(ShortName),
  domain_id: Type.Optional(NullableId),
  parent_id: Type.Optional(NullableId),
  ...attributes,
})
export const knownProjectAttributes = [
  'name',
  'domain_id',
  'parent_id',
  'is_domain',
  'description',
  'enabled',
  'tags',
  'options',
] as const

export type NewProject = Static<typeof CreateProject>['project']
export type ProjectChange = Static<typeof UpdateProject>['project']

export const CreateDomain = openBody('domain', {
  name: ShortName,
  description: attributes.description,
  enabled: attributes.enabled,
  tags: attributes.tags,
  options: attributes.options,
  explicit_domain_id: Type.Optional(IdText),
})
export const UpdateDomain = openBody('domain', {
  name: Type.Optional(ShortName),
  description: attributes.description,
  enabled: attributes.enabled,
  tags: attributes.tags,
  options: attributes.options,
})
export const knownDomainAttributes = [
  'name',
  'description',
  'enabled',
  'tags',
  'options',
  'explicit_domain_id',
  'is_domain',
] as const
