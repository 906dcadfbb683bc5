import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, type Route } from '../../../kernel/http/route.ts'
import { guarded } from '../guarded.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { getDomain } from '../projects/store.ts'
import { findRecord, putRecord, removeRecord } from '../records/store.ts'
import { configDefaults, secretOptions, securityOptions } from './config-options.ts'

type Config = Record<string, Record<string, unknown>>

const Value = Type.Union([
  Type.String({ maxLength: 4096 }),
  Type.Number(),
  Type.Boolean(),
  Type.Null(),
  Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 100 }),
])
const Body = Type.Object({
  config: Type.Record(Type.String(), Type.Union([Value, Type.Record(Type.String(), Value)])),
})
const Params = Type.Object({
  id: Type.String(),
  group: Type.Optional(Type.String()),
  option: Type.Optional(Type.String()),
})
interface Place {
  readonly id: string
  readonly group?: string
  readonly option?: string
}
const DOMAIN = '/v3/domains/:id/config'
const levels = [DOMAIN, `${DOMAIN}/:group`, `${DOMAIN}/:group/:option`] as const

/** /v3/domains/<id>/config: settings of one domain, whole, by group and by option. */
export function domainConfigRoutes(parts: Parts): readonly Route[] {
  return [
    ...defaultRoutes,
    ...securityRoutes(parts),
    ...levels.flatMap((path) =>
      path === DOMAIN ? [...levelRoutes(path), replaceRoute] : levelRoutes(path),
    ),
  ]
}

/** What every level has: it is read, changed in parts, and removed. */
function levelRoutes(path: (typeof levels)[number]): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path,
      policy: 'identity:get_domain_config',
      params: Params,
      handle: async (ctx, { params }) => ({ config: part(await storedOr404(ctx, params), params) }),
    }),
    guarded({
      method: 'PATCH',
      path,
      policy: 'identity:update_domain_config',
      params: Params,
      body: Body,
      handle: async (ctx, { params, body }) => ({
        config: withoutSecrets(await change(ctx, params, body.config)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path,
      policy: 'identity:delete_domain_config',
      params: Params,
      handle: async (ctx, { params }) => await remove(ctx, params),
    }),
  ]
}

/** Only the whole can be put anew. */
const replaceRoute: Route = guarded({
  method: 'PUT',
  path: DOMAIN,
  policy: 'identity:create_domain_config',
  params: Params,
  body: Body,
  handle: async (ctx, { params, body }) => {
    await getDomain(ctx, params.id)
    const created = (await findRecord(ctx, 'domain-config', params.id)) === undefined
    const config = configOf(params, body.config)
    await putRecord(ctx, 'domain-config', { id: params.id, owner: params.id, body: config })
    return reply(created ? 201 : 200, { config: withoutSecrets(config) })
  },
})

async function change(
  ctx: Ctx,
  place: Place,
  sent: Readonly<Record<string, unknown>>,
): Promise<Config> {
  const [before, wanted] = [await storedOr404(ctx, place), configOf(place, sent)]
  if (place.group !== undefined && before[place.group] === undefined)
    throw notFound('group in the configuration of the domain', place.group)
  const after = { ...before }
  for (const [group, options] of Object.entries(wanted))
    after[group] = { ...after[group], ...options }
  await putRecord(ctx, 'domain-config', { id: place.id, owner: place.id, body: after })
  return after
}

async function storedOr404(ctx: Ctx, { id }: Place): Promise<Config> {
  await getDomain(ctx, id)
  const record = await findRecord(ctx, 'domain-config', id)
  if (record === undefined) throw notFound('domain configuration', id)
  return record.body as Config // written below only, after configOf
}

/** What a body says for the place of the path: all groups, one group, or one option, known ones only. */
function configOf(place: Place, sent: Readonly<Record<string, unknown>>): Config {
  const nested: Readonly<Record<string, unknown>> =
    place.option !== undefined && place.group !== undefined && sent[place.group] === undefined
      ? { [place.group]: sent }
      : sent
  if (Object.keys(nested).length === 0)
    throw cloudError('badRequest', 'The configuration holds no group.')
  const config: Config = {}
  for (const [group, options] of Object.entries(nested)) {
    const isOther = place.group !== undefined && group !== place.group
    if (isOther || typeof options !== 'object' || options === null || Array.isArray(options))
      throw cloudError(
        'badRequest',
        `The body must hold the options of group ${place.group ?? group}.`,
      )
    for (const option of Object.keys(options)) {
      if (!isKnown(group, option))
        throw cloudError(
          'forbidden',
          `Option ${option.slice(0, 60)} of group ${group.slice(0, 60)} cannot be set for a domain.`,
        )
      if (place.option !== undefined && option !== place.option)
        throw cloudError(
          'badRequest',
          `The body must hold the option ${place.option}, and no other.`,
        )
    }
    if (configDefaults[group] === undefined)
      throw cloudError('forbidden', `Group ${group.slice(0, 60)} cannot be set for a domain.`)
    config[group] = { ...options }
  }
  return config
}

const isKnown = (group: string, option: string): boolean =>
  Object.hasOwn(configDefaults, group) &&
  (Object.hasOwn(configDefaults[group] ?? {}, option) ||
    secretOptions[group]?.includes(option) === true)

function withoutSecrets(config: Config): Config {
  return Object.fromEntries(
    Object.entries(config).map(([group, options]) => [
      group,
      Object.fromEntries(
        Object.entries(options).filter(
          ([option]) => secretOptions[group]?.includes(option) !== true,
        ),
      ),
    ]),
  )
}

/** The part that the path names; 404 when it is not set. */
function part(
  config: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  { group, option }: Place,
): unknown {
  const shown = withoutSecrets(config)
  if (group === undefined) return shown
  const options = Object.hasOwn(shown, group) ? shown[group] : undefined
  if (options === undefined) throw notFound('group in the configuration', group)
  if (option === undefined) return { [group]: options }
  if (!Object.hasOwn(options, option)) throw notFound(`option in group ${group}`, option)
  return { [option]: options[option] }
}

async function remove(ctx: Ctx, place: Place): Promise<void> {
  const config = await storedOr404(ctx, place)
  part(config, place)
  const { id, group, option } = place
  const rest = Object.fromEntries(
    Object.entries(config).flatMap(([name, options]): [string, Record<string, unknown>][] => {
      if (group !== undefined && name !== group) return [[name, options]]
      const left = Object.entries(options).filter(([key]) => option !== undefined && key !== option)
      return left.length === 0 ? [] : [[name, Object.fromEntries(left)]]
    }),
  )
  if (Object.keys(rest).length === 0) await removeRecord(ctx, 'domain-config', id)
  else await putRecord(ctx, 'domain-config', { id, owner: id, body: rest })
}

const Default = Type.Object({
  group: Type.Optional(Type.String()),
  option: Type.Optional(Type.String()),
})
const defaultRoutes: readonly Route[] = [
  '/v3/domains/config/default',
  '/v3/domains/config/:group/default',
  '/v3/domains/config/:group/:option/default',
].map((path) =>
  guarded({
    method: 'GET',
    path,
    policy: 'identity:get_domain_config_default',
    params: Default,
    handle: async (_ctx, { params }) => {
      const { group } = params
      if (group !== undefined && !Object.hasOwn(configDefaults, group))
        throw cloudError('forbidden', `Group ${group.slice(0, 60)} cannot be set for a domain.`)
      return await Promise.resolve({ config: part(configDefaults, { id: '', ...params }) })
    },
  }),
)

/** What the cloud's configuration asks of passwords, in the words of the API. */
function passwordOptions({ passwordRules }: Parts): Record<string, unknown> {
  return {
    password_regex: passwordRules.pattern?.regex.source ?? null,
    password_regex_description: passwordRules.pattern?.description ?? null,
  }
}

const refusePasswordOptions = async (): Promise<never> =>
  await Promise.reject(
    cloudError(
      'forbidden',
      'Password rules hold for the whole cloud: they are set in its configuration, not for a domain.',
    ),
  )

/** What passwords must look like: everybody may know. */
function securityRoutes(parts: Parts): readonly Route[] {
  const path = `${DOMAIN}/security_compliance`
  return [
    guarded({
      method: 'GET',
      path,
      policy: 'identity:get_security_compliance_domain_config',
      params: Params,
      handle: async (ctx, { params }) => ({
        config: {
          security_compliance: (await getDomain(ctx, params.id)) && passwordOptions(parts),
        },
      }),
    }),
    ...securityOptions.map((option) =>
      guarded({
        method: 'GET',
        path: `${path}/${option}`,
        policy: 'identity:get_security_compliance_domain_config',
        params: Params,
        handle: async (ctx, { params }) => ({
          config: { [option]: (await getDomain(ctx, params.id)) && passwordOptions(parts)[option] },
        }),
      }),
    ),
    ...(['PATCH', 'DELETE'] as const).map((method) =>
      guarded({
        method,
        path,
        policy: 'identity:update_domain_config',
        handle: refusePasswordOptions,
      }),
    ),
  ]
}
