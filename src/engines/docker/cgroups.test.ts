import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { groupStats, type CgroupPlaces } from './cgroups.ts'

const ID = 'c0ffee'.padEnd(64, '0')
let root: string
let places: CgroupPlaces

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cgroups-'))
  places = { proc: join(root, 'proc'), cgroup: join(root, 'cgroup') }
  write('proc/stat', 'cpu  1 2 3 4 5 6 7 8 90 90\ncpu0 1 2 3 4\n')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(file: string, text: string): void {
  const path = join(root, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const wanted = {
  cpuNs: 7000,
  memoryBytes: 60,
  memoryLimitBytes: 1000,
  pids: 3,
  blockReadBytes: 11,
  blockWriteBytes: 22,
  systemCpuNs: 36e7,
}

describe('counters of control groups', () => {
  it('are read from version 1', async () => {
    write(
      'proc/7/cgroup',
      `4:memory:/docker/${ID}\n3:blkio:/docker/${ID}\n2:cpu,cpuacct:/docker/${ID}\n1:pids:/docker/${ID}\n0::/docker/${ID}\n`,
    )
    write(`cgroup/cpuacct/docker/${ID}/cpuacct.usage`, '7000\n')
    write(`cgroup/memory/docker/${ID}/memory.usage_in_bytes`, '100\n')
    write(`cgroup/memory/docker/${ID}/memory.limit_in_bytes`, '1000\n')
    write(`cgroup/memory/docker/${ID}/memory.stat`, 'inactive_file 1\ntotal_inactive_file 40\n')
    write(`cgroup/pids/docker/${ID}/pids.current`, '3\n')
    write(
      `cgroup/blkio/docker/${ID}/blkio.throttle.io_service_bytes_recursive`,
      '8:0 Read 10\n8:16 Read 1\n8:0 Write 22\n8:0 Total 33\nTotal 33\n',
    )
    expect(await groupStats(7, ID, places)).toMatchObject(wanted)
  })

  it('are read from version 2', async () => {
    const group = `system.slice/docker-${ID}.scope`
    write('proc/7/cgroup', `0::/${group}\n`)
    write(`cgroup/${group}/cpu.stat`, 'usage_usec 7\nuser_usec 5\n')
    write(`cgroup/${group}/memory.current`, '100\n')
    write(`cgroup/${group}/memory.max`, '1000\n')
    write(`cgroup/${group}/memory.stat`, 'anon 5\ninactive_file 40\n')
    write(`cgroup/${group}/pids.current`, '3\n')
    write(`cgroup/${group}/io.stat`, '8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n')
    expect(await groupStats(7, ID, places)).toMatchObject(wanted)
    write(`cgroup/${group}/memory.max`, 'max\n')
    expect(await groupStats(7, ID, places)).toMatchObject({ memoryLimitBytes: totalmem() })
  })

  it('are not those of another process, nor made up', async () => {
    expect(await groupStats(7, ID, places)).toBeUndefined()
    write('proc/7/cgroup', '0::/init.scope\n')
    expect(await groupStats(7, ID, places)).toBeUndefined()
    write('proc/7/cgroup', `0::/docker/${ID}\n`)
    expect(await groupStats(7, ID, places)).toBeUndefined()
  })
})
