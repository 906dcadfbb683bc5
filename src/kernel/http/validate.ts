import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import type { TSchema } from 'typebox'
import { cloudError } from '../errors/cloud-error.ts'

/** Schemas are ours and hold still: `test/api/schemas.test.ts` sees to it that they are right, so that no start has to. */
const own = { meta: false, validateSchema: false } as const
const options = { strict: false, useDefaults: true, allErrors: false, ...own } as const
const asSent = new Ajv(options)
const coercing = new Ajv({ ...options, coerceTypes: true })
for (const ajv of [asSent, coercing]) {
  formats.default(ajv, ['date-time', 'uri', 'ipv4', 'ipv6', 'email'])
  ajv.addFormat('uuid', /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)
}

/** A validator is compiled at its first use, so that a start does not pay for every endpoint. */
const compiled = new WeakMap<TSchema, { body?: ValidateFunction; text?: ValidateFunction }>()

/** Throws a 400 that names the field; fills in defaults. `text` coerces strings (query, path). */
export function validate(
  schema: TSchema,
  value: unknown,
  where: 'body' | 'text',
  label: string,
): void {
  const known = compiled.get(schema) ?? {}
  const check = known[where] ?? (where === 'body' ? asSent : coercing).compile(schema)
  compiled.set(schema, { ...known, [where]: check })
  if (check(value)) return
  throw cloudError('badRequest', explain(check.errors ?? [], label))
}

function explain(errors: readonly ErrorObject[], label: string): string {
  const error = mostTelling(errors)
  if (error === undefined) return `The ${label} is not valid.`
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
  const field = path === '' ? label : path.slice(0, 200)
  const params = error.params as Record<string, unknown> // ajv's own description of the violated keyword
  switch (error.keyword) {
    case 'required':
      return `Invalid input for field/attribute ${field}: '${String(params['missingProperty'])}' is a required property.`
    case 'additionalProperties':
      return `Invalid input for field/attribute ${field}: additional property '${String(params['additionalProperty']).slice(0, 100)}' is not allowed.`
    case 'enum':
      return `Invalid input for field/attribute ${field}: it must be one of ${JSON.stringify(params['allowedValues'])}.`
    case 'const':
      return `Invalid input for field/attribute ${field}: it must be ${oneOf(allowedAt(errors, error))}.`
    default:
      return `Invalid input for field/attribute ${field}: it ${error.message ?? 'is not valid'}.`
  }
}

/** A union of literals fails with one complaint for each of them. */
function allowedAt(errors: readonly ErrorObject[], { instancePath }: ErrorObject): unknown[] {
  return errors
    .filter((error) => error.keyword === 'const' && error.instancePath === instancePath)
    .map((error) => (error.params as Record<string, unknown>)['allowedValue']) // ajv's own, as above
}

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? JSON.stringify(values[0]) : `one of ${JSON.stringify(values)}`

/** Of a failed union the deepest complaint says most; the union's own line says least. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const depth = (error: ErrorObject): number => error.instancePath.split('/').length
  return (
    errors
      .filter((error) => !['anyOf', 'oneOf', 'not', 'if'].includes(error.keyword))
      .reduce<ErrorObject | undefined>(
        (best, error) => (best === undefined || depth(error) > depth(best) ? error : best),
        undefined,
      ) ?? errors[0]
  )
}
