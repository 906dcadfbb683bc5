import { describe, expect, it } from 'vitest'
import { restartDelay, wantsRestart } from './restarts.ts'

describe('what a policy says of a process that ended', () => {
  it.each([
    ['no', 0, 0, 1, false],
    ['always', 0, 99, 0, true],
    ['unless-stopped', 0, 99, 0, true],
    ['on-failure', 0, 99, 1, true],
    ['on-failure', 0, 0, 0, false],
    ['on-failure', 2, 1, 1, true],
    ['on-failure', 2, 2, 1, false],
  ] as const)(
    '%s, at most %i, done %i, exit %i → %s',
    (name, maxRetries, done, exitCode, again) => {
      expect(wantsRestart({ name, maxRetries }, done, { container: 'exited', exitCode })).toBe(
        again,
      )
    },
  )

  it('counts an unhealthy process as failed', () => {
    const policy = { name: 'on-failure', maxRetries: 1 } as const
    expect(wantsRestart(policy, 0, { container: 'running' })).toBe(true)
    expect(wantsRestart(policy, 1, { container: 'running' })).toBe(false)
  })
})

describe('how long it is waited', () => {
  const startedAt = '2026-01-01T00:00:00.000Z'
  const after = (seconds: number): Date => new Date(Date.parse(startedAt) + seconds * 1000)
  it.each([
    [0, 1, 100],
    [3, 1, 800],
    [20, 1, 60_000],
    [20, 11, 100],
  ])('after %i restarts and %i s of running: %i ms', (restarts, seconds, ms) => {
    const ended = {
      container: 'exited',
      startedAt,
      finishedAt: after(seconds).toISOString(),
    } as const
    expect(restartDelay(restarts, ended, after(1000))).toBe(ms)
    const unwell = { container: 'running', startedAt } as const
    expect(restartDelay(restarts, unwell, after(seconds))).toBe(ms)
  })
})
