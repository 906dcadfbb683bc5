import { Type, type Static, type TObject, type TProperties } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { validate } from '../../../kernel/http/validate.ts'

/**
 * Arguments of a verb. Zun takes them from the query and from a JSON body alike (zunclient sends a query, Tempest a body):
 * such a route declares `argumentsOn(schema)` and reads them with `argumentsOf`.
 */
export function argumentsOn<P extends TProperties>(schema: TObject<P>) {
  return {
    query: Type.Partial(schema, { additionalProperties: false }),
    body: Type.Unknown(),
    bodyOptional: true,
  } as const
}

/** Query and body as one, checked against the schema. `None`, as Python writes what is not given, counts as missing. */
export function argumentsOf<P extends TProperties>(
  req: Req,
  schema: TObject<P>,
): Static<TObject<P>> {
  const given: Record<string, unknown> = {}
  for (const [key, value] of req.rawQuery) if (value !== 'None') given[key] = value
  if (req.body !== undefined && req.body !== null) {
    if (typeof req.body !== 'object' || Array.isArray(req.body))
      throw cloudError('badRequest', 'The body must be a JSON object.')
    for (const [key, value] of Object.entries(req.body)) if (value !== null) given[key] = value
  }
  validate(Type.Object(schema.properties, { additionalProperties: false }), given, 'text', 'query')
  return given as Static<TObject<P>> // just validated
}
