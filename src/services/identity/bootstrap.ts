import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { inTx } from '../../kernel/db/db.ts'
import { addAssignment, SYSTEM, type Assignment } from './assignments/store.ts'
import { ensureCatalogEntry, ensureRegion } from './catalog/resources.ts'
import { DEFAULT_DOMAIN } from './domains/default-domain.ts'
import { newId } from './new-id.ts'
import { findProject, findProjectByName, insertProject } from './projects/store.ts'
import { addImplication, findRoleByName, insertRole } from './roles/store.ts'
import { hashPassword } from './users/passwords.ts'
import { findUserByName, insertUser } from './users/store.ts'

/** An entry of the catalog: `path` is below the cloud's own address, `/orchestration/v1/%(project_id)s`. */
export interface CatalogEntry {
  readonly type: string
  readonly name: string
  readonly path: string
}

export interface BootstrapSettings {
  /** Made when they are not there; the password of an existing user stays. */
  readonly users: readonly BootstrapUser[]
}

export interface BootstrapUser {
  readonly name: string
  readonly password: string
  /** Role names by project name; the projects are made. */
  readonly projects: Readonly<Record<string, readonly string[]>>
  /** Roles on the whole system, and on the default domain. */
  readonly system?: readonly string[]
  readonly domain?: readonly string[]
}

/** Each role with the one that it implies. */
const roles = [
  ['admin', 'manager'],
  ['manager', 'member'],
  ['member', 'reader'],
  ['reader', undefined],
  ['service', undefined],
] as const

/** What every cloud has from its first start: domain, projects, roles, users, catalog. Repeating it changes nothing. */
export async function bootstrapIdentity(
  ctx: Ctx,
  settings: BootstrapSettings,
  region: string,
  catalog: readonly CatalogEntry[],
): Promise<void> {
  await inTx(ctx, async (tx) => {
    if ((await findProject(tx, DEFAULT_DOMAIN)) === undefined) {
      await insertProject(tx, {
        id: DEFAULT_DOMAIN,
        name: 'Default',
        domainId: '',
        parentId: '',
        path: `/${DEFAULT_DOMAIN}/`,
        isDomain: true,
        enabled: true,
        description: 'The default domain',
        options: {},
        extra: {},
      })
    }
    for (const [name] of roles) await ensureRole(tx, name)
    for (const [prior, implied] of roles)
      if (implied !== undefined)
        await addImplication(tx, await ensureRole(tx, prior), await ensureRole(tx, implied))
    for (const name of ['admin', 'demo', 'service']) await ensureProject(tx, name)
    await ensureRegion(tx, region)
    for (const entry of catalog) await ensureCatalogEntry(tx, region, entry)
  })
  for (const user of settings.users) await ensureUser(ctx, user)
}

async function ensureRole(ctx: Ctx, name: string): Promise<string> {
  const role = await findRoleByName(ctx, name)
  if (role !== undefined) return role.id
  const id = newId()
  await insertRole(ctx, { id, name, domainId: null, description: null, options: {}, extra: {} })
  return id
}

async function ensureProject(ctx: Ctx, name: string): Promise<string> {
  const project = await findProjectByName(ctx, DEFAULT_DOMAIN, name)
  if (project !== undefined) return project.id
  const id = newId()
  await insertProject(ctx, {
    id,
    name,
    domainId: DEFAULT_DOMAIN,
    parentId: DEFAULT_DOMAIN,
    path: `/${DEFAULT_DOMAIN}/${id}/`,
    isDomain: false,
    enabled: true,
    description: '',
    options: {},
    extra: {},
  })
  return id
}

async function ensureUser(ctx: Ctx, wish: BootstrapUser): Promise<void> {
  // roles are given to a new user only: what an operator took away must not come back at the next start
  if ((await findUserByName(ctx, DEFAULT_DOMAIN, wish.name)) !== undefined) return
  const passwordHash = await hashPassword(wish.password) // slow, so before the transaction
  await inTx(ctx, async (tx) => {
    const id = newId()
    await insertUser(tx, {
      id,
      name: wish.name,
      domainId: DEFAULT_DOMAIN,
      enabled: true,
      defaultProjectId: null,
      passwordHash,
      passwordChangedAt: ctx.now().toISOString(),
      passwordExpiresAt: null,
      failedLogins: 0,
      failedAt: null,
      options: {},
      extra: {},
    })
    const give = async (
      role: string,
      targetType: Assignment['targetType'],
      targetId: string,
    ): Promise<void> =>
      await addAssignment(tx, {
        actorType: 'user',
        actorId: id,
        targetType,
        targetId,
        roleId: await ensureRole(tx, role),
        inherited: false,
      })
    for (const [project, names] of Object.entries(wish.projects)) {
      for (const name of names) await give(name, 'project', await ensureProject(tx, project))
    }
    for (const name of wish.system ?? []) await give(name, 'system', SYSTEM)
    for (const name of wish.domain ?? []) await give(name, 'domain', DEFAULT_DOMAIN)
  })
}
