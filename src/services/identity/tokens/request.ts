import { Type, type Static } from '../../../kernel/schema/type.ts'

/** The body of `POST /v3/auth/tokens`. */

const Domain = Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) })
const User = {
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  domain: Type.Optional(Domain),
}

export const AuthBody = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Type.String({ maxLength: 255 }), { minItems: 1, maxItems: 10 }),
      password: Type.Optional(
        Type.Object({ user: Type.Object({ ...User, password: Type.String({ maxLength: 4096 }) }) }),
      ),
      token: Type.Optional(Type.Object({ id: Type.String() })),
      application_credential: Type.Optional(
        Type.Object({
          id: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          secret: Type.String({ maxLength: 4096 }),
          user: Type.Optional(Type.Object(User)),
        }),
      ),
    }),
    scope: Type.Optional(
      Type.Union([
        Type.Literal('unscoped'),
        Type.Object({
          project: Type.Optional(
            Type.Object({
              id: Type.Optional(Type.String()),
              name: Type.Optional(Type.String()),
              domain: Type.Optional(Domain),
            }),
          ),
          domain: Type.Optional(Domain),
          system: Type.Optional(Type.Object({ all: Type.Boolean() })),
          unscoped: Type.Optional(Type.Object({})),
          'OS-TRUST:trust': Type.Optional(Type.Object({ id: Type.String() })),
        }),
      ]),
    ),
  }),
})

export type AuthRequest = Static<typeof AuthBody>['auth']
export type ScopeRequest = Exclude<NonNullable<AuthRequest['scope']>, 'unscoped'>
export type DomainRef = Static<typeof Domain>
export interface UserRef {
  readonly id?: string
  readonly name?: string
  readonly domain?: DomainRef
}
