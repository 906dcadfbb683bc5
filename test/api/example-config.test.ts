import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { ConfigSchema, loadConfig } from '../../src/kernel/config/config.ts'

/** The example that people copy from is complete and can be used as it is. */
const file = resolve(import.meta.dirname, '../../deploy/stackyard.example.yaml')

it('is a configuration', () => {
  const config = loadConfig({ file, env: {}, flags: { data: '/nonexistent' } })
  expect(config).toMatchObject({ listen: { port: 5000 }, hostName: 'node-1' })
})

it('shows every setting', () => {
  const { data: _givenElsewhere, ...rest } = ConfigSchema.properties
  expect(keysOf(parse(readFileSync(file, 'utf8')))).toEqual(keysOf(shape(rest)))
})

/** A schema's properties as a tree of maps. */
function shape(properties: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const inner = (schema as { properties?: Readonly<Record<string, unknown>> }).properties // JSON Schema
      return [name, inner === undefined ? '' : shape(inner)]
    }),
  )
}

function keysOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix]
  return Object.entries(value)
    .flatMap(([name, inner]) => keysOf(inner, `${prefix}.${name}`))
    .toSorted()
}
