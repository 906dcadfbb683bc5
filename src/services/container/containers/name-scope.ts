import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { ContainerDeps } from '../deps.ts'
import { nameIsTaken } from './store.ts'

/** 409 when names have to be unique and this one is taken. Zun's own default lets names repeat. */
export async function mustBeFree(ctx: Ctx, deps: ContainerDeps, name: string): Promise<void> {
  const { uniqueNames } = deps
  if (uniqueNames === 'none') return
  const scope = uniqueNames === 'global' ? 'all' : { projectId: projectOf(ctx) }
  if (await nameIsTaken(ctx, name, scope))
    throw cloudError('conflict', `A container with name ${name} already exists.`, {
      code: 'container-already-exists',
    })
}
