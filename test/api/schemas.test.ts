import { Ajv } from 'ajv'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ConfigSchema } from '../../src/kernel/config/config.ts'
import { startTestCloud, type TestCloud } from '../support/kit.ts'

/** Every schema that a request or the configuration is held against is a JSON Schema; the running cloud does not ask again. */
const ajv = new Ajv({ strict: false })

let test: TestCloud
beforeAll(async () => {
  test = await startTestCloud()
}, 60_000)
afterAll(async () => await test.close())

it('is what every route declares', () => {
  const schemas = test.cloud.definitions.flatMap(({ mount, routes }) =>
    routes.flatMap(({ method, path, action = '', params, query, body }) =>
      Object.entries({ params, query, body }).map(([part, schema]) => ({
        name: `${part} of ${method} ${mount}${path} ${action}`.trimEnd(),
        schema,
      })),
    ),
  )
  const declared = schemas.flatMap(({ name, schema }) =>
    schema === undefined ? [] : [{ name, schema }],
  )
  expect(declared.length).toBeGreaterThan(500)
  expect(declared.flatMap(({ name, schema }) => faultsOf(name, schema))).toEqual([])
})

it('is what the configuration is read by', () => {
  expect(faultsOf('configuration', ConfigSchema)).toEqual([])
})

it('is nothing with a word of the wrong kind in it', () => {
  expect(faultsOf('wrong', { type: 'strin', maxLength: 'many' })).toHaveLength(1)
})

function faultsOf(name: string, schema: object): readonly string[] {
  return ajv.validateSchema(schema) === true ? [] : [`${name}: ${ajv.errorsText()}`]
}
