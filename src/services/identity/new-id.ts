import { randomUUID } from 'node:crypto'

/** Keystone's ids: a UUID without dashes. */
export const newId = (): string => randomUUID().replaceAll('-', '')
