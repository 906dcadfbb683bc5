import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Quiet } from './quiet.ts'

it('is quiet when nothing is under way and nothing was of late', async () => {
  const quiet = new Quiet(30)
  expect(quiet.wait()).toBe(0)
  const call = quiet.during(async () => await sleep(10))
  expect(quiet.wait()).toBeGreaterThan(0)
  await call
  expect(quiet.wait()).toBeGreaterThan(0)
  await sleep(40)
  expect(quiet.wait()).toBe(0)
  await expect(quiet.during(async () => await Promise.reject(new Error('no')))).rejects.toThrow(
    'no',
  )
  await sleep(40)
  expect(quiet.wait()).toBe(0)
})
