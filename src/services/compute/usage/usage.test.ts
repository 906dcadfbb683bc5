import { describe, expect, it } from 'vitest'
import { periodOf } from './period.ts'
import { hoursIn, projectUsage } from './sum.ts'

const day = { start: '2026-01-02T00:00:00.000Z', end: '2026-01-03T00:00:00.000Z' }

describe('hours of a server in a day', () => {
  it.each([
    ['all of it', '2026-01-01T00:00:00.000Z', null, 24],
    ['its last quarter', '2026-01-02T18:00:00.000Z', null, 6],
    ['its first hour', '2026-01-01T00:00:00.000Z', '2026-01-02T01:00:00.000Z', 1],
    ['none: gone before', '2026-01-01T00:00:00.000Z', '2026-01-01T10:00:00.000Z', 0],
    ['none: not yet there', '2026-01-04T00:00:00.000Z', null, 0],
    ['none: never launched', null, null, 0],
  ])('%s', (_name, launchedAt, terminatedAt, hours) => {
    expect(hoursIn({ launchedAt, terminatedAt }, day)).toBe(hours)
  })
})

describe('the period asked for', () => {
  const now = new Date('2026-01-31T12:00:00.250Z')
  const said = (query: string): unknown =>
    projectUsage('p', [], periodOf({ rawQuery: new URLSearchParams(query) }, now))

  it('comes back as it was, to the microsecond', () => {
    expect(said('start=2026-01-02T03:04:05.716110&end=2026-01-03 00:00:00')).toMatchObject({
      start: '2026-01-02T03:04:05.716110',
      stop: '2026-01-03T00:00:00.000000',
    })
  })

  it('is the last four weeks when nobody says', () => {
    expect(said('')).toMatchObject({
      start: '2026-01-03T12:00:00.250000',
      stop: '2026-01-31T12:00:00.250000',
    })
  })
})
