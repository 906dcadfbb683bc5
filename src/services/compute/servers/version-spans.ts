/** The ranges between the versions at which a schema changes: `since` each, `until` just before the next. */
export function spans(
  changes: readonly string[],
): readonly { readonly since: string; readonly until?: string }[] {
  return changes.map((since, at) => {
    const next = changes[at + 1]
    return next === undefined ? { since } : { since, until: `2.${Number(next.split('.')[1]) - 1}` }
  })
}
