import { describe, expect, it } from 'vitest'
import { normalised } from './stats.ts'

const rest = { cpu_stats: { cpu_usage: { total_usage: 7 } }, pids_stats: { current: 3 } }

describe('statistics', () => {
  it.each([
    ['cgroup v1', { total_inactive_file: 40, inactive_file: 1 }, 60],
    ['cgroup v2', { inactive_file: 30 }, 70],
    ['no detail', undefined, 100],
    ['a cache that seems larger than all', { inactive_file: 200 }, 100],
  ])('count memory without page cache: %s', (_name, stats, memoryBytes) => {
    const memory = { usage: 100, limit: 1000, ...(stats === undefined ? {} : { stats }) }
    expect(normalised({ ...rest, memory_stats: memory })).toEqual({
      cpuNs: 7,
      memoryBytes,
      memoryLimitBytes: 1000,
      pids: 3,
    })
  })
})
