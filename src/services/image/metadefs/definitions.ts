import { Type, type Static, type TSchema } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { mustFor } from '../access.ts'
import { door, type JudgedRule } from '../policies.ts'
import { getNamespace } from './namespaces.ts'
import { definitionBody, definitionRows, mustBeNew } from './rows.ts'
import { ObjectBody, PropertyBody, TagBody, TagListBody, type DefinitionKind, type DefinitionTable } from './schema.ts'
import { findDefinition, insertDefinitions, listDefinitions, removeDefinitions, updateDefinition } from './store.ts'
import { objectView, propertiesView, propertyView, tagView } from './view.ts'

/** Objects, properties and tags have the same five calls; this is where they differ. */
interface Kind {
  readonly kind: DefinitionKind
  readonly path: 'objects' | 'properties' | 'tags'
  readonly body: TSchema & { static: { readonly name: string } }
  readonly list: string
  readonly get: string
  readonly add: JudgedRule
  readonly modify: JudgedRule
  readonly remove: JudgedRule
  view(row: DefinitionTable): Record<string, unknown>
}
