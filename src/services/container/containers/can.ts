import { cloudError } from '../../../kernel/errors/cloud-error.ts'

export type ContainerStatus =
  | 'Creating'
  | 'Created'
  | 'Running'
  | 'Stopped'
  | 'Paused'
  | 'Restarting'
  | 'Rebuilding'
  | 'Dead'
  | 'Unknown'
  | 'Error'
  | 'Deleting'
  | 'Deleted'

const SETTLED = ['Created', 'Running', 'Stopped', 'Paused'] as const

/** What may be asked of a container in which status: the API's 409s and the dashboard's disabled buttons come from here. */
export const containerCan = {
  start: ['Created', 'Stopped', 'Error'],
  stop: ['Running'],
  pause: ['Running'],
  unpause: ['Paused'],
  kill: ['Running'],
  reboot: ['Created', 'Running', 'Stopped', 'Error'],
  rebuild: ['Created', 'Running', 'Stopped', 'Error'],
  execute: ['Running'],
  execute_resize: ['Running'],
  attach: ['Running'],
  resize: ['Running'],
  top: ['Running'],
  stats: ['Running'],
  commit: ['Running', 'Stopped', 'Paused'],
  update: SETTLED,
  resize_container: SETTLED,
  add_security_group: SETTLED,
  remove_security_group: SETTLED,
  network_attach: SETTLED,
  network_detach: SETTLED,
  get_archive: SETTLED,
  put_archive: SETTLED,
  logs: ['Created', 'Error', 'Paused', 'Running', 'Stopped', 'Unknown'],
  delete: ['Created', 'Error', 'Stopped', 'Deleted', 'Dead'],
  delete_after_stop: ['Running', 'Created', 'Error', 'Stopped', 'Deleted', 'Dead'],
  // Zun leaves a paused container without any way out but `unpause`: with force it goes here
  delete_force: [
    'Creating',
    'Created',
    'Running',
    'Stopped',
    'Paused',
    'Restarting',
    'Rebuilding',
    'Dead',
    'Unknown',
    'Error',
    'Deleting',
    'Deleted',
  ],
} as const satisfies Readonly<Record<string, readonly ContainerStatus[]>>

export type ContainerVerb = keyof typeof containerCan

/** 409 that names verb, container and status, and says where the verb is allowed. */
export function mustAllow(id: string, status: ContainerStatus, verb: ContainerVerb): void {
  const allowed: readonly ContainerStatus[] = containerCan[verb]
  if (allowed.includes(status)) return
  throw cloudError(
    'conflict',
    `Cannot ${verb} container ${id} in ${status} state: it must be ${allowed.join(' or ')}.`,
    { code: 'invalid-state' },
  )
}
