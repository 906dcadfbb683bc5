import { nextUrl } from '../../../kernel/http/paging.ts'
import type { Req } from '../../../kernel/http/route.ts'

/** A link as Nova writes it. */
export interface Link {
  readonly rel: string
  readonly href: string
}

/** `self` names the API version, `bookmark` does not: clients keep the second across upgrades. */
export function linksOf(req: Req, collection: string, id: string): readonly Link[] {
  const item = `${collection}/${encodeURIComponent(id)}`
  return [
    { rel: 'self', href: `${req.serviceUrl}/v2.1/${item}` },
    { rel: 'bookmark', href: `${req.serviceUrl}/${item}` },
  ]
}

/** `{ <name>: [next] }` when items follow the page, else nothing: ready to be spread into the answer. */
export function nextLink(
  req: Req,
  name: string,
  lastId: string | undefined,
  more: boolean,
): Readonly<Record<string, readonly Link[]>> {
  if (!more || lastId === undefined) return {}
  const path = req.url.split('?')[0] ?? ''
  return { [name]: [{ rel: 'next', href: nextUrl(req.serviceUrl + path, req.rawQuery, lastId) }] }
}
