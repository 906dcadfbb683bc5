import { describe, expect, it } from 'vitest'
import { parseLocalConf } from './local-conf.ts'

const read = (text: string) => Object.fromEntries(parseLocalConf(text))

describe('local.conf', () => {
  it('reads the localrc section and no other', () => {
    const text =
      'A=0\n[[local|localrc]]\nHOST_IP=10.0.0.1\n[[post-config|$NOVA_CONF]]\nHOST_IP=10.9.9.9\n'
    expect(read(text)).toEqual({ HOST_IP: '10.0.0.1' })
  })

  it.each([
    ['plain', 'K=v', 'v'],
    ['with a comment', 'K=v # why', 'v'],
    ['in double quotes', 'K="a # b"', 'a # b'],
    ['in single quotes', "K='$HOST'", '$HOST'],
    ['exported', 'export K=v', 'v'],
    ['naming a word above', 'N=10.1\nK=${N}.0.0/16', '10.1.0.0/16'],
    ['naming an unknown word', 'K=$NOWHERE/24', '/24'],
    ['empty', 'K=', ''],
  ])('takes a value %s', (_, line, value) => {
    expect(read(`[[local|localrc]]\n${line}\n`)['K']).toBe(value)
  })

  it('passes over what is no assignment, and runs nothing', () => {
    expect(
      read('[[ local | localrc ]]\n# HOST_IP=1\nenable_service x\nK=$(touch /tmp/never)\n'),
    ).toEqual({
      K: '$(touch /tmp/never)',
    })
  })
})
