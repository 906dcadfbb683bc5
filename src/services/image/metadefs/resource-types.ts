import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { mustFor } from '../access.ts'
import { door } from '../policies.ts'
import { getNamespace } from './namespaces.ts'
import { associationRow } from './rows.ts'
import { AssociationBody } from './schema.ts'
import {
  insertAssociation,
  listAssociations,
  listResourceTypes,
  removeAssociation,
} from './store.ts'
import { associationView, resourceTypeView } from './view.ts'

const Ns = Type.Object({ ns: Type.String() })
const NsName = Type.Object({ ns: Type.String(), name: Type.String() })
const OF_NS = '/v2/metadefs/namespaces/:ns/resource_types'

export const resourceTypeRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v2/metadefs/resource_types',
    policy: 'list_metadef_resource_types',
    summary: 'Lists resource types',
    handle: async (ctx) => ({
      resource_types: (await listResourceTypes(ctx)).map(resourceTypeView),
      schema: '/v2/schemas/metadefs/resource_types',
    }),
  }),
  route({
    method: 'GET',
    path: OF_NS,
    policy: 'get_metadef_resource_type',
    params: Ns,
    summary: 'Lists the resource types of a namespace',
    handle: async (ctx, { params }) => {
      await getNamespace(ctx, params.ns)
      return {
        resource_type_associations: (await listAssociations(ctx, [params.ns])).map(associationView),
        schema: '/v2/schemas/metadefs/resource_type_associations',
      }
    },
  }),
  route({
    method: 'POST',
    path: OF_NS,
    policy: door('add_metadef_resource_type_association'),
    params: Ns,
    body: AssociationBody,
    status: 201,
    summary: 'Associates a resource type with a namespace',
    handle: async (ctx, { params, body }) => await associate(ctx, params.ns, body),
  }),
  route({
    method: 'DELETE',
    path: `${OF_NS}/:name`,
    policy: door('remove_metadef_resource_type_association'),
    params: NsName,
    summary: 'Ends the association with a resource type',
    handle: async (ctx, { params }) => await dissociate(ctx, params.ns, params.name),
  }),
]

async function associate(
  ctx: Ctx,
  ns: string,
  body: AssociationBody,
): Promise<Record<string, unknown>> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, 'add_metadef_resource_type_association', namespace.owner)
  const row = associationRow(ctx, ns, body)
  const added = await inTx(ctx, async (tx) => await insertAssociation(tx, row))
  if (!added)
    throw cloudError(
      'conflict',
      `The resource type ${body.name} is associated with namespace=${ns} already.`,
    )
  return associationView(row)
}

async function dissociate(ctx: Ctx, ns: string, name: string): Promise<void> {
  const namespace = await getNamespace(ctx, ns)
  mustFor(ctx, 'remove_metadef_resource_type_association', namespace.owner)
  if (namespace.protected === 1)
    throw cloudError(
      'forbidden',
      `Metadata definition namespace ${ns} is protected: nothing in it can be deleted.`,
    )
  if (!(await removeAssociation(ctx, ns, name)))
    throw cloudError(
      'notFound',
      `The resource type ${name.slice(0, 80)} is not associated with namespace=${ns}.`,
    )
}
