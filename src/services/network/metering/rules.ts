import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { formatCidr, overlaps, parseCidr, type Cidr } from '../addressing/cidr.ts'
import { invalidInput, invalidValue, neutronError } from '../fault.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, Flag, Id, Text, type View } from '../standard/schema.ts'
import { findRow } from '../standard/store.ts'
import { recount } from './labels.ts'
import {
  deleteLabelRule,
  insertLabelRule,
  labelRuleSpec,
  labelSpec,
  rulesOfLabel,
  type LabelRow,
  type LabelRuleRow,
  type LabelRuleTable,
} from './store.ts'

const Prefix = Type.Optional(Type.Union([Text(64), Type.Null()]))
const NewRule = Type.Object(
  {
    metering_label_id: Id,
    direction: Type.Union([Type.Literal('ingress'), Type.Literal('egress')]),
    excluded: Type.Optional(Flag),
    remote_ip_prefix: Prefix,
    source_ip_prefix: Prefix,
    destination_ip_prefix: Prefix,
    project_id: Type.Optional(Text()),
    tenant_id: Type.Optional(Text()),
  },
  { additionalProperties: false },
)
const NoChange = Type.Object({}, { additionalProperties: false })

/** Rules: which packets a label counts, by direction and address. */
export function labelRuleResource(): Resource {
  return resource<LabelRuleRow, typeof NewRule, typeof NoChange>({
    singular: 'metering_label_rule',
    plural: 'metering_label_rules',
    path: 'metering/metering-label-rules',
    label: 'Metering label rule',
    notFound: 'MeteringLabelRuleNotFound',
    spec: labelRuleSpec,
    createBody: NewRule,
    adminWrites: true,
    adminReads: true,
    create: createRule,
    remove: removeRule,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(ruleView)),
  })
}

type RuleWish = Static<typeof NewRule>

async function createRule(tx: Ctx, wish: RuleWish): Promise<string> {
  const label = await getLabel(tx, wish.metering_label_id)
  const prefixes = prefixesOf(wish)
  const rule = {
    label_id: label.id,
    direction: wish.direction,
    excluded: bit(wish.excluded, false),
    ...prefixes,
  }
  mustBeApart(rule, await rulesOfLabel(tx, label.id))
  const id = await insertLabelRule(tx, rule, label.project_id)
  await recount(tx, label)
  return id
}

type Prefixes = Pick<LabelRuleTable, 'remote_cidr' | 'source_cidr' | 'destination_cidr'>

/** `remote_ip_prefix` alone (the old way), or the source, the destination, or both. */
function prefixesOf(wish: RuleWish): Prefixes {
  const [remote, source, destination] = [
    prefixOf('remote_ip_prefix', wish.remote_ip_prefix),
    prefixOf('source_ip_prefix', wish.source_ip_prefix),
    prefixOf('destination_ip_prefix', wish.destination_ip_prefix),
  ]
  const pair = [source, destination].filter((cidr) => cidr !== undefined)
  if (remote !== undefined && pair.length > 0)
    throw invalidInput(
      'remote_ip_prefix cannot be used together with source_ip_prefix or destination_ip_prefix.',
    )
  if (remote === undefined && pair.length === 0)
    throw invalidInput(
      'one of source_ip_prefix, destination_ip_prefix and remote_ip_prefix is needed.',
    )
  if (new Set(pair.map((cidr) => cidr.base.version)).size > 1)
    throw invalidInput('source_ip_prefix and destination_ip_prefix must be of one IP version.')
  const written = (cidr: Cidr | undefined): string | null =>
    cidr === undefined ? null : formatCidr(cidr)
  return {
    remote_cidr: written(remote),
    source_cidr: written(source),
    destination_cidr: written(destination),
  }
}

function prefixOf(attribute: string, value: string | null | undefined): Cidr | undefined {
  if (value === undefined || value === null) return undefined
  const cidr = parseCidr(value)
  if (cidr === undefined) throw invalidValue(attribute, `'${value}' is not a valid IP subnet.`)
  return cidr
}

/** Two rules of a label that take in the same packet would make it unclear what is counted. */
function mustBeApart(
  rule: Prefixes & Pick<LabelRuleTable, 'direction' | 'excluded'>,
  others: readonly LabelRuleTable[],
): void {
  const hit = others.find(
    (other) =>
      other.direction === rule.direction &&
      other.excluded === rule.excluded &&
      meet(other.remote_cidr, rule.remote_cidr) &&
      meet(other.source_cidr, rule.source_cidr) &&
      meet(other.destination_cidr, rule.destination_cidr),
  )
  if (hit === undefined) return
  throw neutronError(
    'conflict',
    'MeteringLabelRuleOverlaps',
    `The rule overlaps with rule ${hit.id} of metering label ${hit.label_id}.`,
  )
}

/** Both unset meet; a prefix and none are rules of different kinds. */
function meet(a: string | null, b: string | null): boolean {
  const [one, other] = [
    a === null ? undefined : parseCidr(a),
    b === null ? undefined : parseCidr(b),
  ]
  if (one === undefined || other === undefined) return one === other
  return overlaps(one, other)
}

async function removeRule(tx: Ctx, row: LabelRuleRow): Promise<void> {
  await deleteLabelRule(tx, row.id)
  await recount(tx, await getLabel(tx, row.label_id))
}

async function getLabel(ctx: Ctx, id: string): Promise<LabelRow> {
  const row = await findRow<LabelRow>(ctx, labelSpec, id)
  if (row === undefined)
    throw neutronError('notFound', 'MeteringLabelNotFound', `Metering label ${id} does not exist`)
  return row
}

const ruleView = (row: LabelRuleRow): View => ({
  id: row.id,
  metering_label_id: row.label_id,
  direction: row.direction,
  excluded: row.excluded === 1,
  remote_ip_prefix: row.remote_cidr,
  source_ip_prefix: row.source_cidr,
  destination_ip_prefix: row.destination_cidr,
})
