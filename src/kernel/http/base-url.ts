import type { FastifyRequest } from 'fastify'

/** Scheme, host and prefix the client used, a proxy's word first (clients depend on true self links). */
export function baseUrlOf(request: FastifyRequest): string {
  const first = (name: string): string | undefined => {
    const value = request.headers[name]
    return typeof value === 'string' && value !== '' ? value.split(',')[0]?.trim() : undefined
  }
  const scheme = first('x-forwarded-proto') ?? 'http'
  const host = first('x-forwarded-host') ?? request.headers.host ?? 'localhost'
  return `${scheme}://${host}${(first('x-forwarded-prefix') ?? '').replace(/\/+$/, '')}`
}
