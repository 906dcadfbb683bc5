import type { Insertable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { toJson } from '../../../kernel/db/db.ts'
import type { CreateBody } from '../containers/create-schema.ts'
import { portKey } from '../containers/groups.ts'
import { containerName } from '../containers/names.ts'
import {
  lifeColumns,
  newRow,
  placeColumns,
  processColumns,
  sizeColumns,
} from '../containers/row.ts'
import type { CapsuleRole, ContainerTable, SharedVolume } from '../containers/schema.ts'
import type { Capsule, CapsuleRestart } from './schema.ts'
import type { Member, Template } from './template.ts'

export const restartOf = (template: Template): CapsuleRestart => {
  switch (template.spec.restartPolicy ?? template.restartPolicy ?? 'Always') {
    case 'Always':
      return 'always'
    case 'OnFailure':
      return 'on-failure'
    case 'Never':
      return 'no'
  }
}

/** An init container is not run for ever: one that may always be restarted is tried so often. */
const INIT_TRIES = 10

/** A container of a capsule in the words of a container's own request. */
export function bodyOf(member: Member, role: CapsuleRole, restart: CapsuleRestart): CreateBody {
  const words = [...(member.command ?? []), ...(member.args ?? [])]
  const again = role === 'init' && restart === 'always'
  return {
    image: member.image,
    image_driver: member.imageDriver ?? 'docker',
    command: words.length === 0 ? null : words,
    environment: member.env ?? {},
    workdir: member.workDir ?? null,
    cpu: member.resources?.requests?.cpu ?? null,
    memory: member.resources?.requests?.memory ?? null,
    image_pull_policy: member.imagePullPolicy ?? null,
    interactive: member.stdin ?? false,
    tty: member.tty ?? false,
    restart_policy: again
      ? { Name: 'on-failure', MaximumRetryCount: INIT_TRIES }
      : { Name: restart },
  }
}

export const exposedOf = (member: Member): readonly string[] =>
  (member.ports ?? []).map((port) =>
    portKey(`${port.containerPort}/${(port.protocol ?? 'TCP').toLowerCase()}`),
  )

/** The row of one container of a capsule. */
export function memberRow(
  ctx: Ctx,
  capsule: Pick<Capsule, 'id' | 'name' | 'host'>,
  member: Member,
  what: {
    readonly role: CapsuleRole
    readonly place: number
    readonly restart: CapsuleRestart
    readonly volumes: readonly SharedVolume[]
    readonly ownerId: string | null
    readonly version: string
  },
): Insertable<ContainerTable> {
  const body = bodyOf(member, what.role, what.restart)
  return {
    ...newRow(ctx, capsule.host),
    ...processColumns(what.version, body),
    ...sizeColumns(body),
    ...lifeColumns(body),
    ...placeColumns(body),
    tty: body.tty === true || body.tty === 'true' ? 1 : 0,
    name: member.name ?? `capsule-${capsule.name}-${containerName().replace(/-container$/, '')}`,
    image_driver: member.imageDriver ?? 'docker',
    exposed_ports: toJson(exposedOf(member)),
    capsule_id: capsule.id,
    capsule_role: what.role,
    capsule_place: what.place,
    sandbox_of: what.ownerId,
    volumes: toJson(what.volumes),
    task: toJson({ kind: 'create', generation: 1 }),
  }
}
