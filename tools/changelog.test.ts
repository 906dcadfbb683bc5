import { expect, it } from 'vitest'
import { changelogSection } from './changelog.ts'

it('groups notes by kind, in a fixed order', () => {
  const notes = [
    { file: 'fixed-b.md', text: 'B works.\n' },
    { file: 'added-a.md', text: 'A is new.\nIt has two lines.' },
  ]
  expect(changelogSection('1.0.0', '2030-01-02', notes)).toBe(
    '## 1.0.0 (2030-01-02)\n\n### Added\n\n- A is new.\n  It has two lines.\n\n### Fixed\n\n- B works.\n\n',
  )
})

it('refuses a note that tells no kind', () => {
  expect(() => changelogSection('1.0.0', 'x', [{ file: 'news.md', text: '' }])).toThrow(
    'changes/news.md',
  )
})
