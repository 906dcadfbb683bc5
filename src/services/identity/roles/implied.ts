/** One rule: who has `prior` has `implied` too. */
export interface Implication {
  readonly prior_id: string
  readonly implied_id: string
}

/** The roles with all that follow from them, each once. */
export function withImplied(roleIds: Iterable<string>, rules: readonly Implication[]): Set<string> {
  const reached = new Set(roleIds)
  for (const id of reached) {
    // a Set's loop also visits what is added on the way
    for (const rule of rules) if (rule.prior_id === id) reached.add(rule.implied_id)
  }
  return reached
}

/** Would `prior → implied` close a circle? */
export function closesCircle(
  priorId: string,
  impliedId: string,
  rules: readonly Implication[],
): boolean {
  return withImplied([impliedId], rules).has(priorId)
}
