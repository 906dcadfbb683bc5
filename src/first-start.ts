import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Type, type Static } from './kernel/schema/type.ts'
import type { Config } from './kernel/config/config.ts'
import type { DataFolder } from './kernel/config/data-folder.ts'
import type { Ctx } from './kernel/ctx/ctx.ts'
import { validate } from './kernel/http/validate.ts'
import type { Passwords } from './credentials.ts'
import type { Services } from './services.ts'

const Guests = Type.Array(
  Type.Object({
    name: Type.String(),
    file: Type.String(),
    description: Type.String(),
    min_disk: Type.Integer({ default: 0 }),
    min_ram: Type.Integer({ default: 0 }),
    properties: Type.Record(Type.String(), Type.String(), { default: {} }),
  }),
)

/**
 * What a new cloud begins with: domain, projects, users, roles, flavors, networks, guest images. Every part looks before it
 * makes, so a first start that was cut off is simply gone through again; once through, it never comes back.
 */
export async function firstStart(
  ctx: Ctx,
  config: Config,
  folder: DataFolder,
  services: Services,
  passwords: Passwords,
): Promise<void> {
  const marker = folder.file('first-start-done')
  if (existsSync(marker)) return
  const { identity, image, network, compute } = services
  await identity.bootstrap(ctx, {
    users: [
      {
        name: 'admin',
        password: passwords.admin,
        projects: { admin: ['admin'], demo: ['admin'] },
        system: ['admin'],
        domain: ['admin'],
      },
      { name: 'demo', password: passwords.demo, projects: { demo: ['member'] } },
      { name: 'service', password: passwords.service, projects: { service: ['service', 'admin'] } },
    ],
  })
  const [admin, demo] = await Promise.all(
    ['admin', 'demo'].map(async (name) => await identity.face.findProjectByName(ctx, name)),
  )
  if (admin === undefined || demo === undefined)
    throw new Error('projects admin and demo are missing after the first start of identity')
  await network.bootstrap(ctx, {
    floatingRange: config.network.floatingRange,
    fixedRange: config.network.fixedRange,
    demoProjectId: demo.id,
    adminProjectId: admin.id,
  })
  await compute.bootstrap(ctx)
  await image.bootstrap(ctx, { projectId: admin.id, guests: guestsOf(folder) })
  writeFileSync(marker, ctx.now().toISOString(), { flush: true })
}

/** Images that the set-up built into `guest/`; none when it was left out. */
function guestsOf(folder: DataFolder): readonly {
  name: string
  file: string
  description: string
  minDisk: number
  minRam: number
  properties: Record<string, string>
}[] {
  const list = folder.file('guest', 'images.json')
  if (!existsSync(list)) return []
  const guests: unknown = JSON.parse(readFileSync(list, 'utf8'))
  validate(Guests, guests, 'body', list)
  return (guests as Static<typeof Guests>).map(({ min_disk, min_ram, file, ...guest }) => ({
    // just validated
    ...guest,
    file: folder.file('guest', file),
    minDisk: min_disk,
    minRam: min_ram,
  }))
}
