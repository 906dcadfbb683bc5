import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { Route } from '../../kernel/http/route.ts'

/**
 * What holds for every route of the service. PostgreSQL cannot store U+0000, so it is refused wherever a client puts one, on
 * every database. And `/v2/images/` is not the list but an image without an id: a client that lost the id must not get
 * the list for an image, nor believe that the method is at fault.
 */
export function strictly(route: Route): Route {
  return {
    ...route,
    handle: async (ctx, req) => {
      const { params, rawQuery, body } = req
      const path = req.url.split('?', 1)[0] ?? ''
      if (path.length > 1 && path.endsWith('/'))
        throw cloudError('notFound', 'The resource could not be found: the path ends with a slash.')
      if (holdsNul(params) || holdsNul([...rawQuery]) || holdsNul(body)) {
        throw cloudError('badRequest', 'The character U+0000 is not allowed in names and values.')
      }
      return await route.handle(ctx, req)
    },
  }
}

function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0')
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]) => key.includes('\0') || holdsNul(inner))
}
