import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type {
  AssociationBody,
  AssociationTable,
  DefinitionKind,
  DefinitionTable,
} from './schema.ts'

/** Shown, never stored: clients send them back. */
const SHOWN = new Set(['name', 'self', 'schema', 'created_at', 'updated_at'])

/** What a client defined, as it is kept: without its name and what the service adds. */
export function definitionBody(body: object): string {
  return toJson(Object.fromEntries(Object.entries(body).filter(([key]) => !SHOWN.has(key))))
}

export function definitionRows(
  ctx: Ctx,
  namespace: string,
  kind: DefinitionKind,
  bodies: readonly { readonly name: string }[],
): DefinitionTable[] {
  const now = ctx.now().toISOString()
  return bodies.map((body) => ({
    namespace,
    kind,
    name: body.name,
    body: definitionBody(body),
    created_at: now,
    updated_at: now,
  }))
}

export function associationRow(
  ctx: Ctx,
  namespace: string,
  body: AssociationBody,
): AssociationTable {
  const now = ctx.now().toISOString()
  return {
    namespace,
    name: body.name,
    prefix: body.prefix ?? null,
    properties_target: body.properties_target ?? null,
    created_at: now,
    updated_at: now,
  }
}

/** 409 for a name that is there already. */
export function mustBeNew(taken: string | undefined): void {
  if (taken !== undefined)
    throw cloudError('conflict', `'${taken}' is defined in this namespace already.`)
}
