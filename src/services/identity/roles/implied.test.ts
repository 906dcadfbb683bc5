import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closesCircle, withImplied } from './implied.ts'

const rule = (prior_id: string, implied_id: string) => ({ prior_id, implied_id })

describe('implied roles', () => {
  it('follow through chains and stop in circles', () => {
    const rules = [
      rule('admin', 'manager'),
      rule('manager', 'member'),
      rule('member', 'reader'),
      rule('reader', 'member'),
    ]
    expect([...withImplied(['manager'], rules)].toSorted()).toEqual(['manager', 'member', 'reader'])
  })

  it('never make a circle when those that would are refused', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    fc.assert(
      fc.property(fc.array(fc.tuple(id, id), { maxLength: 30 }), (pairs) => {
        const rules: ReturnType<typeof rule>[] = []
        for (const [prior, implied] of pairs)
          if (!closesCircle(prior, implied, rules)) rules.push(rule(prior, implied))
        for (const { prior_id, implied_id } of rules)
          expect(withImplied([implied_id], rules).has(prior_id)).toBe(false)
      }),
    )
  })
})
