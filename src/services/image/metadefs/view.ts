import { fromJson } from '../../../kernel/db/db.ts'
import { wireTime } from '../images/view.ts'
import type {
  AssociationTable,
  DefinitionTable,
  NamespaceTable,
  ResourceTypeTable,
} from './schema.ts'

type Json = Record<string, unknown>

const timesOf = (row: { created_at: string; updated_at: string }): Json => ({
  created_at: wireTime(row.created_at),
  updated_at: wireTime(row.updated_at),
})
const pathOf = (namespace: string): string =>
  `/v2/metadefs/namespaces/${encodeURIComponent(namespace)}`

export function namespaceView(
  row: NamespaceTable,
  associations: readonly AssociationTable[],
): Json {
  return {
    namespace: row.namespace,
    ...(row.display_name === null ? {} : { display_name: row.display_name }),
    ...(row.description === null ? {} : { description: row.description }),
    visibility: row.visibility,
    protected: row.protected === 1,
    owner: row.owner,
    ...timesOf(row),
    ...(associations.length === 0
      ? {}
      : { resource_type_associations: associations.map(associationView) }),
    self: pathOf(row.namespace),
    schema: '/v2/schemas/metadefs/namespace',
  }
}

export function associationView(row: AssociationTable): Json {
  return {
    name: row.name,
    ...(row.prefix === null ? {} : { prefix: row.prefix }),
    ...(row.properties_target === null ? {} : { properties_target: row.properties_target }),
    ...timesOf(row),
  }
}

export function resourceTypeView(row: ResourceTypeTable): Json {
  return { name: row.name, ...timesOf(row) }
}

export function objectView(row: DefinitionTable, prefix = ''): Json {
  const {
    properties = {},
    required = [],
    ...rest
  } = fromJson<{ properties?: Json; required?: string[]; description?: string }>(row.body)
  return {
    name: row.name,
    ...rest,
    required: required.map((name) => prefix + name),
    properties: prefixed(properties, prefix),
    ...timesOf(row),
    self: `${pathOf(row.namespace)}/objects/${encodeURIComponent(row.name)}`,
    schema: '/v2/schemas/metadefs/object',
  }
}

/** In a list a property's name is its key. */
export function propertyView(row: DefinitionTable, named: boolean): Json {
  return { ...fromJson<Json>(row.body), ...(named ? { name: row.name } : {}) }
}

export function propertiesView(rows: readonly DefinitionTable[], prefix = ''): Json {
  return Object.fromEntries(rows.map((row) => [prefix + row.name, propertyView(row, false)]))
}

export function tagView(row: DefinitionTable): Json {
  return {
    name: row.name,
    ...timesOf(row),
    self: `${pathOf(row.namespace)}/tags/${encodeURIComponent(row.name)}`,
    schema: '/v2/schemas/metadefs/tag',
  }
}

/** On a resource type the properties of a namespace go by names with the association's prefix. */
function prefixed(properties: Json, prefix: string): Json {
  return prefix === ''
    ? properties
    : Object.fromEntries(Object.entries(properties).map(([name, value]) => [prefix + name, value]))
}
