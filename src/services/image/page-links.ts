/** Glance's links are paths below the service, without host: clients put their endpoint before them. */
export function pageLinks(
  path: string,
  query: URLSearchParams,
  lastId: string | undefined,
): { readonly first: string; readonly next?: string } {
  const first = new URLSearchParams(query)
  first.delete('marker')
  const next = new URLSearchParams(first)
  if (lastId !== undefined) next.set('marker', lastId)
  return {
    first: first.size === 0 ? path : `${path}?${first.toString()}`,
    ...(lastId === undefined ? {} : { next: `${path}?${next.toString()}` }),
  }
}
