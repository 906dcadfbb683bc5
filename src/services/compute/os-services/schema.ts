import { Type } from '../../../kernel/schema/type.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { BooleanLike } from '../wire/schemas.ts'
import { novaTime } from '../wire/times.ts'
import type { Service } from './store.ts'

const strict = { additionalProperties: false } as const
const Hostname = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })
const Reason = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' })
const which = {
  host: Hostname,
  binary: Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' }),
}

/** `enable` and `disable`. */
export const ServiceNamed = Type.Object(which, strict)
/** `disable-log-reason`. */
export const ServiceReason = Type.Object({ ...which, disabled_reason: Reason }, strict)
/** `force-down`, from 2.11 on. */
export const ServiceForced = Type.Object({ ...which, forced_down: BooleanLike }, strict)
/** All of these in one, from 2.53 on. */
export const ServiceUpdate = Type.Object(
  {
    status: Type.Optional(Type.Union([Type.Literal('enabled'), Type.Literal('disabled')])),
    disabled_reason: Type.Optional(Reason),
    forced_down: Type.Optional(BooleanLike),
  },
  strict,
)

/** What the operator wants of it. */
export const statusOf = (service: Service): 'enabled' | 'disabled' =>
  service.disabled ? 'disabled' : 'enabled'
/** What is registered runs in this process: it is up unless the operator says otherwise. */
export const stateOf = (service: Service): 'up' | 'down' => (service.forcedDown ? 'down' : 'up')

/** `now` is the last sign of life: whoever answers is alive. */
export function serviceView(
  version: string,
  service: Service,
  zone: string,
  now: Date,
): Record<string, unknown> {
  return {
    id: atLeast(version, '2.53') ? service.uuid : service.number,
    binary: service.binary,
    host: service.host,
    zone,
    status: statusOf(service),
    state: stateOf(service),
    updated_at: novaTime(now.toISOString()),
    disabled_reason: service.disabledReason,
    ...(atLeast(version, '2.11') ? { forced_down: service.forcedDown } : {}),
  }
}
