import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Gate } from './gate.ts'

it('lets many through together and one alone', async () => {
  const gate = new Gate()
  const inside: string[] = []
  const seen: string[] = []
  const visit = (name: string) => async (): Promise<void> => {
    inside.push(name)
    seen.push(inside.toSorted().join())
    await sleep(5)
    inside.splice(inside.indexOf(name), 1)
    if (name === 'x') throw new Error('x')
  }
  const all = [
    gate.together(visit('a')),
    gate.together(visit('b')),
    gate.alone(visit('x')),
    gate.alone(visit('y')),
    gate.together(visit('c')),
  ]
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toContain('rejected')
  expect(seen).toContain('a,b,c')
  expect(seen.filter((names) => /x|y/.test(names)).toSorted()).toEqual(['x', 'y'])
})
