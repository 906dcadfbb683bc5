import { expect, it } from 'vitest'
import { stateOf } from './observe.ts'

it.each([
  ['created', 'created'],
  ['running', 'running'],
  ['paused', 'paused'],
  ['restarting', 'running'],
  ['exited', 'exited'],
  ['dead', 'exited'],
  ['removing', 'absent'],
] as const)('%s is seen as %s', (status, seen) => {
  expect(stateOf(status)).toBe(seen)
})
