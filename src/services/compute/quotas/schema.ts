import { Type, type Static } from '../../../kernel/schema/type.ts'
import { BooleanLike, Envelope, IntegerLike, toInteger } from '../wire/schemas.ts'
import { classResourcesIn, resourcesIn, type Limits, type Resource } from './resources.ts'

const strict = { additionalProperties: false } as const
const limits = (names: readonly Resource[]) =>
  Object.fromEntries(names.map((name) => [name, Type.Optional(IntegerLike(-1))]))

/** One schema for each change of the list of resources. */
const quotaSet = (version: string) =>
  Envelope(
    'quota_set',
    Type.Object(
      {
        ...limits(resourcesIn(version)),
        // Nova's own networks had a limit too; the name is taken and means nothing
        ...(version === '2.35' ? { networks: Type.Optional(IntegerLike(-1)) } : {}),
        tenant_id: Type.Optional(Type.String({ maxLength: 255 })),
        force: Type.Optional(BooleanLike),
      },
      strict,
    ),
  )
/** 2.1 to 2.35. */
export const QuotaUpdate21 = quotaSet('2.35')
/** 2.36 to 2.56: without what the network service limits. */
export const QuotaUpdate236 = quotaSet('2.56')
/** From 2.57 on: without injected files. */
export const QuotaUpdate257 = quotaSet('2.57')
export type QuotaUpdate = Static<typeof QuotaUpdate257>['quota_set']

const classSet = (version: string) =>
  Envelope('quota_class_set', Type.Object(limits(classResourcesIn(version)), strict))
/** 2.1 to 2.49. */
export const ClassUpdate21 = classSet('2.49')
/** 2.50 to 2.56. */
export const ClassUpdate250 = classSet('2.56')
/** From 2.57 on. */
export const ClassUpdate257 = classSet('2.57')

/** The limits named in a body, as numbers. */
export function limitsIn(
  body: Readonly<Record<string, unknown>>,
  names: readonly Resource[],
): Partial<Limits> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = body[name]
      return typeof value === 'number' || typeof value === 'string'
        ? [[name, toInteger(value, name, -1)]]
        : []
    }),
  )
}
