import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { catalogFor } from '../catalog/build.ts'
import { remembered } from '../records/memory.ts'
import { listRecords } from '../records/store.ts'
import { isoMicros, type Payload } from './payload.ts'

/** The body `{ token: … }` of issue and validation. */
export async function tokenView(
  ctx: Ctx,
  payload: Payload,
  withCatalog: boolean,
): Promise<Record<string, unknown>> {
  const { user, project, domain } = payload
  const scoped = project !== undefined || domain !== undefined || payload.system
  return {
    token: {
      methods: payload.methods,
      user: {
        id: user.id,
        name: user.name,
        domain: user.domain,
        password_expires_at: payload.passwordExpiresAt ?? null,
      },
      audit_ids: payload.auditIds,
      expires_at: isoMicros(payload.expiresMs),
      issued_at: isoMicros(payload.issuedMs),
      ...(project === undefined
        ? {}
        : {
            project: { id: project.id, name: project.name, domain: project.domain },
            is_domain: project.isDomain,
          }),
      ...(domain === undefined ? {} : { domain }),
      ...(payload.system ? { system: { all: true } } : {}),
      ...(scoped ? { roles: payload.roles } : {}),
      ...(scoped && withCatalog ? { catalog: await catalogFor(ctx, readerOf(payload)) } : {}),
      ...(await serviceProvidersPart(ctx)),
      ...delegationParts(payload),
    },
  }
}

export function readerOf(payload: Payload): {
  readonly userId: string
  readonly projectId?: string
} {
  return {
    userId: payload.user.id,
    ...(payload.project === undefined ? {} : { projectId: payload.project.id }),
  }
}

/** By which leave the token speaks for its user, when it was not got by a login of his own. */
function delegationParts({
  applicationCredential,
  oauth,
  trust,
}: Payload): Record<string, unknown> {
  return {
    ...(applicationCredential === undefined
      ? {}
      : { application_credential: credentialView(applicationCredential) }),
    ...(oauth === undefined
      ? {}
      : { 'OS-OAUTH1': { access_token_id: oauth.accessTokenId, consumer_id: oauth.consumerId } }),
    ...(trust === undefined
      ? {}
      : {
          'OS-TRUST:trust': {
            id: trust.id,
            impersonation: trust.impersonation,
            trustor_user: { id: trust.trustorId },
            trustee_user: { id: trust.trusteeId },
          },
        }),
  }
}

function credentialView(
  credential: NonNullable<Payload['applicationCredential']>,
): Record<string, unknown> {
  const { id, name, restricted, accessRules } = credential
  return {
    id,
    name,
    restricted,
    ...(accessRules === undefined ? {} : { access_rules: accessRules }),
  }
}

/** Clouds that trust this one; the key is there only when there are any. */
async function serviceProvidersPart(ctx: Ctx): Promise<Record<string, unknown>> {
  const all = await remembered(
    ctx,
    'service-providers',
    async () => await listRecords(ctx, 'service-provider'),
  )
  const enabled = all.filter((one) => one.body['enabled'] === true)
  if (enabled.length === 0) return {}
  return {
    service_providers: enabled.map(({ id, body }) => ({
      id,
      auth_url: body['auth_url'],
      sp_url: body['sp_url'],
    })),
  }
}
