import { cloudError } from '../../kernel/errors/cloud-error.ts'

/** 404 as Keystone words it; clients match on "Could not find". */
export function notFound(kind: string, id: string): Error {
  return cloudError('notFound', `Could not find ${kind}: ${id.slice(0, 200)}.`)
}

/** 409 for a name that is taken. */
export function nameTaken(kind: string, name: string): Error {
  return cloudError(
    'conflict',
    `Conflict occurred attempting to store ${kind} - Duplicate entry found with name ${name.slice(0, 255)}.`,
  )
}

/** Runs a write; `conflict` is thrown when it breaks a unique index. */
export async function orConflict<T>(work: Promise<T>, conflict: () => Error): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (isUniqueViolation(cause)) throw conflict()
    throw cause
  }
}

function isUniqueViolation(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  const code = 'code' in cause ? cause.code : undefined
  return code === '23505' || cause.message.includes('UNIQUE constraint failed') // PostgreSQL's code, SQLite's text
}
