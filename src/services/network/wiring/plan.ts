/** What the sweep has to look at: what is wanted and not there, what is there and not wanted. Pure. */
export interface Drift {
  readonly missing: readonly string[]
  /** Held by the engine without anybody wanting it, and rows that only wait for the engine to let go. */
  readonly leftover: readonly string[]
}

export function driftOf(
  rows: readonly { readonly id: string; readonly wanted: boolean }[],
  held: readonly string[],
): Drift {
  const wanted = new Set(rows.filter((row) => row.wanted).map(({ id }) => id))
  const there = new Set(held)
  return {
    missing: [...wanted].filter((id) => !there.has(id)),
    leftover: [...new Set([...held, ...rows.map(({ id }) => id)])].filter((id) => !wanted.has(id)),
  }
}
