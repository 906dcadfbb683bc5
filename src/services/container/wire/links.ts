import { nextUrl } from '../../../kernel/http/paging.ts'
import type { Req } from '../../../kernel/http/route.ts'

/** A link as Zun writes it. */
export interface Link {
  readonly rel: string
  readonly href: string
}

type Place = Pick<Req, 'serviceUrl'>

/** `self` names the API version, `bookmark` does not: clients keep the second across upgrades. */
export function linksOf({ serviceUrl }: Place, collection: string, id: string): readonly Link[] {
  const item = `${collection}/${encodeURIComponent(id)}`
  return [
    { rel: 'self', href: `${serviceUrl}/v1/${item}` },
    { rel: 'bookmark', href: `${serviceUrl}/${item}` },
  ]
}

/** Links of a whole collection, for the version document. */
export function resourceLinks(req: Place, collection: string): readonly Link[] {
  return linksOf(req, collection, '')
}

/** Where the items after `lastId` are; null when there are none. */
export function nextOf(req: Req, lastId: string | undefined, more: boolean): string | null {
  if (!more || lastId === undefined) return null
  const path = req.url.split('?')[0] ?? ''
  return nextUrl(req.serviceUrl + path, req.rawQuery, lastId)
}
