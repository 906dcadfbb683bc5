import { expect, it } from 'vitest'
import { parseColours, terminalSvg } from './picture.ts'

it('keeps colours as classes', () => {
  expect(parseColours('\u001b[1;36mhi\u001b[0m there')).toEqual([
    { text: 'hi', classes: ['b', 'c36'] },
    { text: ' there', classes: [] },
  ])
})

it('shows what stands on the screen in the end, escaped', () => {
  const svg = terminalSvg(
    '\r\u001b[K⠋ wait\r\u001b[K\u001b[32m✓\u001b[0m <done> & dusted\r\n',
    'a & b',
  )
  expect(svg).toContain('<tspan class="c32">✓</tspan> &lt;done&gt; &amp; dusted</text>')
  expect(svg).not.toContain('wait')
  expect(svg).toContain('aria-label="a &amp; b"')
})

it('breaks long lines at the edge', () => {
  const rows = terminalSvg('x'.repeat(300), 't').match(/<text x/g)
  expect(rows).toHaveLength(3)
})
