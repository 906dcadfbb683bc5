import { randomUUID } from 'node:crypto'
import { projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { toJson } from '../../../kernel/db/db.ts'
import { textMap, toBoolean } from '../wire/schemas.ts'
import type { CreateBody } from './create-schema.ts'
import { amountOf } from './limits.ts'
import { containerName } from './names.ts'
import { commandOf, healthcheckOf, mountsOf, restartPolicyOf, ttyOf } from './wish.ts'

/** What every new row has, whatever was asked for: nothing has happened to it yet. */
export function newRow(ctx: Ctx, host: string) {
  const now = ctx.now().toISOString()
  return {
    id: randomUUID(),
    project_id: projectOf(ctx),
    user_id: whoOf(ctx).userId,
    host,
    registry_id: null,
    published_ports: toJson({}),
    security_groups: null,
    own_group_id: null,
    capsule_id: null,
    capsule_role: null,
    capsule_place: 0,
    sandbox_of: null,
    volumes: toJson([]),
    fault: null,
    created_at: now,
    updated_at: now,
  }
}

/** What runs inside. */
export function processColumns(version: string, body: CreateBody) {
  const command = commandOf(body.command)
  const entrypoint = commandOf(body.entrypoint)
  return {
    command: command === null ? null : toJson(command),
    entrypoint: entrypoint === null ? null : toJson(entrypoint),
    environment: toJson(textMap(body.environment)),
    labels: toJson(textMap(body.labels)),
    workdir: body.workdir ?? null,
    hostname: body.hostname ?? null,
    interactive: toBoolean(body.interactive) ? 1 : 0,
    tty: ttyOf(version, body) ? 1 : 0,
    mounts: toJson(mountsOf(body.mounts)),
  }
}

export function sizeColumns(body: CreateBody) {
  return {
    cpu_milli: Math.round(amountOf('cpu', body.cpu) * 1000),
    memory_mib: amountOf('memory', body.memory),
    disk_gib: amountOf('disk', body.disk),
    cpu_policy: body.cpu_policy ?? 'shared',
  }
}

/** What becomes of it when its process ends, is not well, or is gone. */
export function lifeColumns(body: CreateBody) {
  const autoRemove = toBoolean(body.auto_remove)
  const health = healthcheckOf(body.healthcheck)
  return {
    restart_policy: toJson(restartPolicyOf(body.restart_policy, autoRemove)),
    healthcheck: health === null ? null : toJson(health),
    auto_remove: autoRemove ? 1 : 0,
    auto_heal: toBoolean(body.auto_heal) ? 1 : 0,
  }
}

/** What it is called, and what of its host it may have. */
export function placeColumns(body: CreateBody) {
  return {
    name: body.name ?? containerName(),
    image: body.image,
    image_pull_policy: body.image_pull_policy?.toLowerCase() ?? null,
    privileged: toBoolean(body.privileged) ? 1 : 0,
    runtime: body.runtime ?? null,
    zone: body.availability_zone ?? null,
    hints: toJson(body.hints ?? {}),
  }
}
