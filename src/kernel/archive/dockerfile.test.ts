import { describe, expect, it } from 'vitest'
import { imagesOf } from './dockerfile.ts'

describe('images a Dockerfile names', () => {
  it.each([
    ['one', 'FROM busybox:1\nRUN true\n', ['busybox:1']],
    ['none', 'FROM scratch\nCOPY from=x /y\n', ['x']],
    [
      'stages',
      'FROM a.b/c AS one\nFROM One\nCOPY --from=one /x /\nCOPY --from=0 /x /\n',
      ['a.b/c'],
    ],
    ['a source', 'FROM scratch\ncopy --chown=1 --from=nginx:1 /x /\n', ['nginx:1']],
    ['a platform', 'from --platform=linux/amd64 x:1 as y', ['x:1']],
    ['arguments', 'ARG V=3\nARG N=alpine\nFROM ${N}:$V\n', ['alpine:3']],
    ['comments', '# a note\nFROM \\\n  # in between\n\n  zoo:1\n', ['zoo:1']],
    ['a changed sign', '# escape=`\nFR`\nOM zoo:1\n', ['zoo:1']],
    ['a command about it', 'FROM scratch\nRUN echo from=cafe\n', []],
  ])('are found: %s', (_what, dockerfile, images) => {
    expect(imagesOf(dockerfile)).toEqual(images)
  })

  it('follow the arguments that are given', () => {
    expect(imagesOf('ARG V=3\nFROM alpine:$V', { V: '4' })).toEqual(['alpine:4'])
    expect(() => imagesOf('ARG V=3\nFROM alpine:$V', { V: '"4' })).toThrow('cannot be read')
    expect(() => imagesOf('ARG B=x\nFROM $B', { B: 'cafe' })).toThrow('may be the id')
  })

  it.each([
    ['an id', 'FROM cafe12'],
    ['an id to copy from', 'FROM scratch\nCOPY --from=cafe /x /'],
    ['an id in quotes', 'FROM scratch\nCOPY --f"rom"="ca"fe /x /'],
    ['an id behind a trigger', 'FROM scratch\nONBUILD COPY --from=cafe /x /'],
    ['an id in an argument', 'ARG A=ca\nFROM ${A}fe'],
    ['an id over two lines', 'FROM ca\\\nfe'],
    ['an id over two lines, other sign', '# escape=`\nFROM ca`\nfe'],
    ['quotes', 'FROM "busybox"'],
    ['a default of a default', 'ARG A=${B:-x}\nFROM $A'],
    ['an unknown argument', 'FROM $NOBODY'],
    ['a modified argument', 'ARG A=x\nFROM ${A:-cafe}'],
  ])('are refused when they may mean more: %s', (_what, dockerfile) => {
    expect(() => imagesOf(dockerfile)).toThrow(/may be the id|cannot be read/)
  })
})
