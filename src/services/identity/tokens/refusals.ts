import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/** One wording for every failed login: it must not tell which part was wrong. */
export function unauthenticated(internal?: string): Error {
  return cloudError('unauthorized', 'The request you have made requires authentication.', {
    internal,
  })
}

/** 403 for a login that is right but asks for what its token must not give. */
export function scopeForbidden(why: string): Error {
  return cloudError('forbidden', `You are not authorized to perform the requested action: ${why}.`)
}
