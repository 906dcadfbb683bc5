import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { Route } from '../../kernel/http/route.ts'

/** PostgreSQL cannot store U+0000: wherever a client puts one, it is refused at the door, on every database. */
export function withoutNulBytes(route: Route): Route {
  return {
    ...route,
    handle: async (ctx, req) => {
      const { params, rawQuery, body } = req
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
