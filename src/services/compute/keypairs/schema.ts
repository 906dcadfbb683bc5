import { Type } from '../../../kernel/schema/type.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { novaTime } from '../wire/times.ts'
import { Envelope, Text } from '../wire/schemas.ts'

/** `x509` certificates are kept and shown; only `ssh` keys are laid into servers. */
export type KeypairType = 'ssh' | 'x509'

/** The public half, as its owner knows it by name. */
export interface Keypair {
  readonly number: number
  readonly userId: string
  readonly name: string
  readonly type: KeypairType
  readonly publicKey: string
  readonly fingerprint: string
  readonly createdAt: string
}

/** Letters, digits, blank, dash and underscore; no blank at either end. */
const OldName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^(?! )[a-zA-Z0-9 _-]*(?<! )$',
})
/** From 2.92 on also `@` and `.`. */
const NameWithAt = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^(?! )[a-zA-Z0-9 _@.-]*(?<! )$',
})
const PublicKey = Text(65_535)
const KeyType = Type.Union([Type.Literal('ssh'), Type.Literal('x509')])
const UserId = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-]*$' })

const strict = { additionalProperties: false } as const
const base = { name: OldName, public_key: Type.Optional(PublicKey) }

/** 2.1: SSH keys only, generated or brought. */
export const NewKeypair21 = Envelope('keypair', Type.Object(base, strict))
/** From 2.2 on with a type. */
export const NewKeypair22 = Envelope(
  'keypair',
  Type.Object({ ...base, type: Type.Optional(KeyType) }, strict),
)
/** From 2.10 on for another user too. */
export const NewKeypair210 = Envelope(
  'keypair',
  Type.Object({ ...base, type: Type.Optional(KeyType), user_id: Type.Optional(UserId) }, strict),
)
/** From 2.92 on nothing is generated: the public key must be brought. */
export const NewKeypair292 = Envelope(
  'keypair',
  Type.Object(
    {
      name: NameWithAt,
      public_key: PublicKey,
      type: Type.Optional(KeyType),
      user_id: Type.Optional(UserId),
    },
    strict,
  ),
)

/** What all of the above have in common. */
export interface NewKeypair {
  readonly name: string
  readonly public_key?: string
  readonly type?: KeypairType
  readonly user_id?: string
}

/** What every answer has; `type` came with 2.2. */
export function keypairSummary(req: Req, keypair: Keypair): Record<string, unknown> {
  return {
    name: keypair.name,
    public_key: keypair.publicKey,
    fingerprint: keypair.fingerprint,
    ...(atLeast(req.version, '2.2') ? { type: keypair.type } : {}),
  }
}

/** As in `GET /os-keypairs/{name}`. Keys are removed for good: `deleted` is always false. */
export function keypairView(req: Req, keypair: Keypair): Record<string, unknown> {
  return {
    ...keypairSummary(req, keypair),
    id: keypair.number,
    user_id: keypair.userId,
    created_at: novaTime(keypair.createdAt),
    updated_at: null,
    deleted: false,
    deleted_at: null,
  }
}
