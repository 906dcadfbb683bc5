import { randomUUID } from 'node:crypto'

/** Keystone's ids: a UUID without dashes. */
export const newId = (): string => randomUUID().replaceAll('-', '')

let lastTime = 0

/** As `newId`, and greater than those made before: where the original counts, so that lists are in the order of making. */
export function newOrderedId(): string {
  lastTime = Math.max(Date.now(), lastTime + 1)
  return lastTime.toString(16).padStart(12, '0') + newId().slice(12)
}
