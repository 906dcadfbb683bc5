import { isIP } from 'node:net'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { NewRule as RuleWish, RuleInfo, SecurityGroupInfo } from '../../network/face.ts'

const PortLike = Type.Union([
  Type.Integer(),
  Type.String({ pattern: '^-?[0-9]{1,9}$' }),
  Type.Null(),
])
const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** Loose in types, as Nova took it; `newRule` says what is wrong with the values. */
export const NewRule = Type.Object({
  parent_group_id: Type.Union([Type.String({ maxLength: 255 }), Type.Integer()]),
  ip_protocol: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
  from_port: Type.Optional(PortLike),
  to_port: Type.Optional(PortLike),
  cidr: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
  group_id: Type.Optional(
    Type.Union([Type.String({ maxLength: 255 }), Type.Integer(), Type.Null()]),
  ),
})
export type NewRule = Static<typeof NewRule>

const PROTOCOLS = ['tcp', 'udp', 'icmp']

/** A rule as the network service wants it; 400 with the reason otherwise. */
export function newRule(body: NewRule): RuleWish {
  const groupId = uuidOf(body.parent_group_id, 'parent_group_id')
  const remoteGroupId =
    body.group_id === undefined || body.group_id === null ? null : uuidOf(body.group_id, 'group_id')
  const protocol = body.ip_protocol?.toLowerCase() ?? null
  if (protocol === null && remoteGroupId === null)
    throw cloudError(
      'badRequest',
      'Not enough parameters to build a valid rule: ip_protocol is needed.',
    )
  if (protocol !== null && !PROTOCOLS.includes(protocol))
    throw cloudError(
      'badRequest',
      `Invalid IP protocol ${protocol.slice(0, 60)}: use ${PROTOCOLS.join(', ')}.`,
    )
  const cidr = remoteGroupId === null ? cidrOf(body.cidr ?? '0.0.0.0/0') : null
  return {
    groupId,
    remoteGroupId,
    protocol,
    remoteCidr: cidr,
    direction: 'ingress',
    ethertype: cidr?.includes(':') === true ? 'IPv6' : 'IPv4',
    ...portsOf(protocol, body),
  }
}

function uuidOf(value: string | number, field: string): string {
  if (typeof value === 'string' && UUID.test(value)) return value
  throw cloudError('badRequest', `Security group id in ${field} should be a UUID.`)
}

function cidrOf(text: string): string {
  const [address = '', prefix = ''] = text.split('/')
  const version = isIP(address)
  if (version !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
    return text
  throw cloudError('badRequest', `Invalid cidr ${text.slice(0, 60)}.`)
}

/** -1 means any; ICMP has type and code where the others have ports. */
function portsOf(protocol: string | null, body: NewRule): Pick<RuleWish, 'portMin' | 'portMax'> {
  const from = Number(body.from_port ?? -1)
  const to = Number(body.to_port ?? -1)
  const [least, most] = protocol === 'icmp' ? [-1, 255] : [1, 65_535]
  const any = from === -1 && to === -1
  if (
    !any &&
    (protocol === null ||
      from < least ||
      to < least ||
      from > most ||
      to > most ||
      (protocol !== 'icmp' && from > to))
  ) {
    throw cloudError(
      'badRequest',
      `Invalid port range ${from}:${to}. Valid ${protocol ?? ''} values are between ${least} and ${most}.`,
    )
  }
  return { portMin: from === -1 ? null : from, portMax: to === -1 ? null : to }
}

/** `remote` is the group that the rule lets in, when it is one. */
export function ruleView(rule: RuleInfo, remote: SecurityGroupInfo | undefined): unknown {
  const [lowest, highest] =
    rule.protocol === 'tcp' || rule.protocol === 'udp' ? [1, 65_535] : [-1, -1]
  const anywhere = rule.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0'
  return {
    id: rule.id,
    parent_group_id: rule.groupId,
    ip_protocol: rule.protocol,
    from_port: rule.portMin ?? (rule.protocol === null ? null : lowest),
    to_port: rule.portMax ?? (rule.protocol === null ? null : highest),
    group:
      rule.remoteGroupId === null || remote === undefined
        ? {}
        : { name: remote.name, tenant_id: remote.projectId },
    ip_range: rule.remoteGroupId === null ? { cidr: rule.remoteCidr ?? anywhere } : {},
  }
}
