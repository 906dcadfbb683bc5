import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { SharedVolume } from '../containers/schema.ts'
import { toBoolean } from '../wire/schemas.ts'
import type { Member, VolumeWish } from './template.ts'

/** Sizes of a capsule's volumes by name. What would need block storage is refused with the reason. */
export function volumeSizes(wishes: readonly VolumeWish[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const { name, cinder } of wishes) {
    if (sizes.has(name)) throw cloudError('badRequest', `Two volumes are named ${name}.`)
    if (cinder.volumeID !== undefined)
      throw cloudError(
        'badRequest',
        `Volume ${name} names ${cinder.volumeID}: this cloud has no block storage service yet. Give a size and autoRemove: true for a volume that lives as long as the capsule.`,
      )
    if (cinder.size === undefined)
      throw cloudError('badRequest', `Volume ${name} needs a size (in GiB).`)
    if (!toBoolean(cinder.autoRemove))
      throw cloudError(
        'badRequest',
        `Volume ${name} would have to outlive the capsule, which needs a block storage service, and this cloud has none yet: say autoRemove: true.`,
      )
    const size = Number(cinder.size)
    if (size < 1 || size > 1024)
      throw cloudError('badRequest', `The size of volume ${name} is not between 1 and 1024 GiB.`)
    sizes.set(name, size)
  }
  return sizes
}

/** Where one container has which of them. */
export function mountsOf(
  member: Member,
  sizes: ReadonlyMap<string, number>,
): readonly SharedVolume[] {
  return (member.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => {
    const sizeGiB = sizes.get(name)
    if (sizeGiB === undefined)
      throw cloudError(
        'badRequest',
        `A container mounts volume ${name}, which the capsule has not.`,
      )
    if (!mountPath.startsWith('/') || mountPath.split('/').includes('..'))
      throw cloudError('badRequest', `The mountPath ${mountPath.slice(0, 200)} is not absolute.`)
    return { name, sizeGiB, path: mountPath, readOnly: toBoolean(readOnly) }
  })
}

/** Every volume has to be mounted somewhere, as Zun has it. */
export function mustBeMounted(
  sizes: ReadonlyMap<string, number>,
  mounts: readonly SharedVolume[],
): void {
  const mounted = new Set(mounts.map(({ name }) => name))
  const idle = [...sizes.keys()].find((name) => !mounted.has(name))
  if (idle !== undefined)
    throw cloudError('badRequest', `Volume ${idle} is mounted by none of the containers.`)
}
