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
  const settings = shape(rest)
  expect(keysOf(parse(readFileSync(file, 'utf8')), settings)).toEqual(keysOf(settings, settings))
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

/** Down to where the settings end: what is below belongs to the operator. */
function keysOf(value: unknown, settings: unknown, prefix = ''): string[] {
  if (!isMap(value) || !isMap(settings)) return [prefix]
  return Object.entries(value)
    .flatMap(([name, inner]) => keysOf(inner, settings[name], `${prefix}.${name}`))
    .toSorted()
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
