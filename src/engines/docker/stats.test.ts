import { describe, expect, it } from 'vitest'
import { networkIn, normalised } from './stats.ts'

const rest = {
  read: '2026-01-02T03:04:05.678901234Z',
  cpu_stats: { cpu_usage: { total_usage: 7 }, system_cpu_usage: 70, online_cpus: 2 },
  pids_stats: { current: 3 },
  blkio_stats: { io_service_bytes_recursive: null },
}
const quiet = { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 }

describe('statistics', () => {
  it.each([
    ['cgroup v1', { total_inactive_file: 40, inactive_file: 1 }, 60],
    ['cgroup v2', { inactive_file: 30 }, 70],
    ['no detail', undefined, 100],
    ['a cache that seems larger than all', { inactive_file: 200 }, 100],
  ])('count memory without page cache: %s', (_name, stats, memoryBytes) => {
    const memory = { usage: 100, limit: 1000, ...(stats === undefined ? {} : { stats }) }
    expect(normalised({ ...rest, memory_stats: memory }, quiet)).toEqual({
      takenAt: '2026-01-02T03:04:05.678Z',
      cpuNs: 7,
      systemCpuNs: 70,
      onlineCpus: 2,
      memoryBytes,
      memoryLimitBytes: 1000,
      pids: 3,
      network: quiet,
      blockReadBytes: 0,
      blockWriteBytes: 0,
    })
  })

  it('adds up what every disk moved, whatever the case of the words', () => {
    const io_service_bytes_recursive = [
      { op: 'Read', value: 1 },
      { op: 'read', value: 2 },
      { op: 'Write', value: 4 },
      { op: 'Total', value: 7 },
    ]
    const raw = { ...rest, memory_stats: {}, blkio_stats: { io_service_bytes_recursive } }
    expect(normalised(raw, quiet)).toMatchObject({ blockReadBytes: 3, blockWriteBytes: 4 })
  })

  it('reads interfaces as the kernel lists them, without the loopback', () => {
    const listed = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs',
      '    lo:     100       2    0    0    0     0          0         0      100       2    0 0 0 0 0 0',
      '  eth0:    1000      10    0    0    0     0          0         0     2000      20    0 0 0 0 0 0',
      '  eth1:       5       1    0    0    0     0          0         0        7       1    0 0 0 0 0 0',
    ].join('\n')
    expect(networkIn(listed)).toEqual({
      rxBytes: 1005,
      txBytes: 2007,
      rxPackets: 11,
      txPackets: 21,
    })
  })
})
