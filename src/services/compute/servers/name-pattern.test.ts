import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patternMatcher } from './name-pattern.ts'

describe('name filters', () => {
  it.each([
    ['web', 'my-web-1', true],
    ['^web', 'my-web-1', false],
    ['^.*\\-instance\\-[0-9]+$', 'a-instance-12', true],
    ['^.*\\-instance\\-[0-9]+$', 'a-instance-x', false],
    ['(a|b)c?d', 'xbd', true],
    ['a{2,3}b', 'caaab', true],
    ['^a{2}$', 'aaa', false],
    ['[^a-c]z', 'az', false],
    ['WEB', 'web', true],
    ['web(', 'a web( b', true],
    ['10.0.0.1$', '10.0.0.12', false],
    ['', 'anything', true],
    ['a\\', 'a\\', true],
    ['[]a]', ']', true],
  ])('%s on %s', (pattern, text, matches) => {
    expect(patternMatcher(pattern)(text)).toBe(matches)
  })

  it('is not held up by a pattern made to do so', () => {
    const started = performance.now()
    expect(patternMatcher('((a+)+)+$')(`${'a'.repeat(250)}b`)).toBe(false)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('agrees with the language’s own expressions', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      '.',
      'a*',
      'b+',
      '(ab)',
      '(a|b)',
      '[ab]',
      '[^a]',
      'a?',
      '^',
      '$',
      '(ab)*',
      'a{1,2}',
    )
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 5 }),
        fc.stringMatching(/^[abc]{0,8}$/),
        (parts, text) => {
          const pattern = parts.join('')
          expect(patternMatcher(pattern)(text)).toBe(new RegExp(pattern, 'u').test(text))
        },
      ),
    )
  })
})
