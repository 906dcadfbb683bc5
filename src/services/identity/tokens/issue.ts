import { randomBytes } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { accessRulesByIds } from '../application-credentials/access-rules.ts'
import type { Parts } from '../parts.ts'
import { getDomain } from '../projects/store.ts'
import { expiryMs } from '../time-text.ts'
import type { TrustRecord } from '../trusts/store.ts'
import type { Proof } from './methods.ts'
import type { Payload, Trust } from './payload.ts'
import type { Scope } from './scope.ts'

/** Puts together what a new token says. `startedMs` was taken before anything was read: what is revoked meanwhile counts. */
export async function payloadFor(
  ctx: Ctx,
  parts: Parts,
  proof: Proof,
  scope: Scope,
  startedMs: number,
): Promise<Payload> {
  const { token, oauth } = proof
  const trust = scope.kind === 'project' ? scope.trust : undefined
  const chain = token?.auditIds.at(-1)
  return {
    user: await userOf(ctx, proof, scope),
    ...scopeParts(scope),
    system: scope.kind === 'system',
    roles: scope.kind === 'unscoped' ? [] : scope.roles.map(({ id, name }) => ({ id, name })),
    methods: proof.methods,
    auditIds: [randomBytes(16).toString('base64url'), ...(chain === undefined ? [] : [chain])],
    issuedMs: startedMs,
    expiresMs: Math.min(startedMs + parts.tokenMs, ...limitsOf(proof, trust)),
    ...(proof.user.passwordExpiresAt === null
      ? {}
      : { passwordExpiresAt: proof.user.passwordExpiresAt }),
    ...(await credentialPart(ctx, proof)),
    ...(oauth === undefined
      ? {}
      : { oauth: { accessTokenId: oauth.accessTokenId, consumerId: oauth.consumerId } }),
    ...(trust === undefined ? {} : { trust: trustPart(trust) }),
  }
}

/** No token outlives what it was got by. */
function limitsOf(
  { token, applicationCredential, oauth }: Proof,
  trust: TrustRecord | undefined,
): number[] {
  const texts = [applicationCredential?.expiresAt, oauth?.expiresAt, trust?.expiresAt]
  return [
    ...(token === undefined ? [] : [token.expiresMs]),
    ...texts.flatMap((text) => (text == null ? [] : [expiryMs(text)])),
  ]
}

const trustPart = (trust: TrustRecord): Trust => ({
  id: trust.id,
  impersonation: trust.impersonation,
  trustorId: trust.trustorUserId,
  trusteeId: trust.trusteeUserId,
})

/** With impersonation the token speaks for the trustor. */
async function userOf(ctx: Ctx, proof: Proof, scope: Scope): Promise<Payload['user']> {
  const trustor =
    scope.kind === 'project' && scope.trust?.impersonation === true ? scope.trustor : undefined
  const user = trustor ?? proof.user
  const domain = trustor === undefined ? proof.userDomain : await getDomain(ctx, trustor.domainId)
  return { id: user.id, name: user.name, domain: { id: domain.id, name: domain.name } }
}

function scopeParts(scope: Scope): Pick<Payload, 'project' | 'domain'> {
  if (scope.kind === 'project') {
    const { project, domain } = scope
    return {
      project: {
        id: project.id,
        name: project.name,
        domain: { id: domain.id, name: domain.name },
        isDomain: project.isDomain,
      },
    }
  }
  return scope.kind === 'domain' ? { domain: { id: scope.domain.id, name: scope.domain.name } } : {}
}

async function credentialPart(
  ctx: Ctx,
  { applicationCredential }: Proof,
): Promise<Pick<Payload, 'applicationCredential'>> {
  if (applicationCredential === undefined) return {}
  const { id, name, unrestricted, accessRuleIds } = applicationCredential
  const rules =
    accessRuleIds === null ? {} : { accessRules: await accessRulesByIds(ctx, accessRuleIds) }
  return { applicationCredential: { id, name, restricted: !unrestricted, ...rules } }
}
