import { cloudError } from '../errors/cloud-error.ts'
import type { Route } from './route.ts'

/**
 * The route, refusing null characters in path and query before a store sees them: PostgreSQL has no text with one, so
 * nothing could match and asking would fail. Bodies are covered by their schemas.
 */
export function withoutNulls(route: Route): Route {
  return {
    ...route,
    handle: async (ctx, req) => {
      const texts = [
        ...Object.values(req.params as Record<string, string>),
        ...[...req.rawQuery].flat(),
      ] // path parameters are strings
      if (texts.some((text) => text.includes('\0')))
        throw cloudError('badRequest', 'The URL holds a null character.')
      return await route.handle(ctx, req)
    },
  }
}
