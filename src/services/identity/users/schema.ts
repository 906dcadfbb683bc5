import { Type, type Static } from '../../../kernel/schema/type.ts'
import { IdText, Name, NullableId, openBody } from '../wire.ts'

const Flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]))

export const UserOptions = Type.Object(
  {
    ignore_change_password_upon_first_use: Flag,
    ignore_password_expiry: Flag,
    ignore_lockout_failure_attempts: Flag,
    ignore_user_inactivity: Flag,
    lock_password: Flag,
    multi_factor_auth_enabled: Flag,
    multi_factor_auth_rules: Type.Optional(
      Type.Union([
        Type.Array(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 10 }), {
          maxItems: 20,
        }),
        Type.Null(),
      ]),
    ),
  },
  { additionalProperties: false },
)

const Password = Type.Union([Type.String({ minLength: 1, maxLength: 4096 }), Type.Null()])
const attributes = {
  default_project_id: Type.Optional(NullableId),
  enabled: Type.Optional(Type.Boolean()),
  password: Type.Optional(Password),
  description: Type.Optional(Type.Union([Type.String({ maxLength: 65_535 }), Type.Null()])),
  options: Type.Optional(UserOptions),
}

export const knownUserAttributes = [
  'name',
  'domain_id',
  'default_project_id',
  'enabled',
  'password',
  'options',
  'password_expires_at',
  'original_password',
] as const

export const CreateUser = openBody('user', {
  name: Name,
  domain_id: Type.Optional(IdText),
  ...attributes,
})
export const UpdateUser = openBody(
  'user',
  { name: Type.Optional(Name), domain_id: Type.Optional(IdText), ...attributes },
  { minProperties: 1 },
)
export const ChangePassword = openBody('user', {
  password: Type.String({ minLength: 1, maxLength: 4096 }),
  original_password: Type.String({ maxLength: 4096 }),
})

export type NewUser = Static<typeof CreateUser>['user']
export type UserChange = Static<typeof UpdateUser>['user']
