import { Type, type TProperties } from '../../../kernel/schema/type.ts'
import { Whole } from '../standard/schema.ts'
import type { RuleTable, RuleType } from './schema.ts'

/** The types of rules: their attributes on the wire, and what may be in them. Pure. */

type RuleColumn = 'direction' | 'rate' | 'burst' | 'dscp'

interface Attribute {
  readonly name: string
  readonly column: RuleColumn
  /** Without one the attribute must be sent. */
  readonly fallback?: number | 'egress'
  readonly values: readonly [number, number] | readonly (string | number)[]
  readonly kind: 'range' | 'choices'
}

const MOST = 2_147_483_647
/** Class selectors, assured and expedited forwarding, voice admit; the others mean nothing. */
const marks = [
  0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56,
] as const

const amount = (name: string, column: RuleColumn, fallback?: number): Attribute => ({
  name,
  column,
  kind: 'range',
  values: [0, MOST],
  ...(fallback === undefined ? {} : { fallback }),
})

const direction = (choices: readonly string[], fallback?: 'egress'): Attribute => ({
  name: 'direction',
  column: 'direction',
  kind: 'choices',
  values: choices,
  ...(fallback === undefined ? {} : { fallback }),
})

const oneWay = ['egress', 'ingress'] as const

export const ruleTypes: Readonly<Record<RuleType, readonly Attribute[]>> = {
  bandwidth_limit: [
    amount('max_kbps', 'rate'),
    amount('max_burst_kbps', 'burst', 0),
    direction(oneWay, 'egress'),
  ],
  dscp_marking: [{ name: 'dscp_mark', column: 'dscp', kind: 'choices', values: marks }],
  minimum_bandwidth: [amount('min_kbps', 'rate'), direction(oneWay, 'egress')],
  minimum_packet_rate: [amount('min_kpps', 'rate'), direction([...oneWay, 'any'])],
}

export const ruleTypeNames = Object.keys(ruleTypes) as RuleType[] // its own keys

export const isRuleType = (text: string): text is RuleType => Object.hasOwn(ruleTypes, text)

/** What the engine can do with a type, as an admin may ask. */
export function driverOf(type: RuleType): Readonly<Record<string, unknown>> {
  return {
    name: 'stackyard',
    supported_parameters: ruleTypes[type].map(({ name, kind, values }) => ({
      parameter_name: name,
      parameter_type: kind,
      parameter_values: kind === 'range' ? { start: values[0], end: values[1] } : values,
    })),
  }
}

/** Bodies of POST and PUT. */
export function ruleBodies(type: RuleType): {
  readonly create: TProperties
  readonly change: TProperties
} {
  const create: TProperties = {}
  const change: TProperties = {}
  for (const attribute of ruleTypes[type]) {
    const value = valueSchema(attribute)
    create[attribute.name] = attribute.fallback === undefined ? value : Type.Optional(value)
    change[attribute.name] = Type.Optional(value)
  }
  return { create, change }
}

function valueSchema({ kind, values }: Attribute) {
  if (kind === 'range') return Whole(0, MOST)
  // clients send marks as text too
  return Type.Union(
    values.flatMap((value) =>
      typeof value === 'number'
        ? [Type.Literal(value), Type.Literal(String(value))]
        : [Type.Literal(value)],
    ),
  )
}

/** The columns that a body fills; `had` is the rule it changes. */
export function columnsOf(
  type: RuleType,
  wish: Readonly<Record<string, unknown>>,
  had?: RuleTable,
): Pick<RuleTable, RuleColumn> {
  const columns: Record<RuleColumn, unknown> = {
    direction: null,
    rate: null,
    burst: null,
    dscp: null,
  }
  for (const { name, column, fallback } of ruleTypes[type]) {
    const value = wish[name] ?? had?.[column] ?? fallback
    columns[column] = column === 'direction' ? value : Number(value)
  }
  return columns as Pick<RuleTable, RuleColumn> // validated by the bodies above
}

export function ruleView(row: RuleTable): Readonly<Record<string, unknown>> {
  return {
    id: row.id,
    ...Object.fromEntries(ruleTypes[row.type].map(({ name, column }) => [name, row[column]])),
  }
}
