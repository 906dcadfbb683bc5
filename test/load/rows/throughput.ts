import { run, tryRun } from '../../../src/kernel/exec/run.ts'
import type { Row } from '../row.ts'
import type { Stand } from '../stand.ts'
import { median, range } from '../statistics.ts'

/** One TCP stream between two containers of one network, filters in force, beside two on a plain Docker bridge. */
export const throughputRow: Row = {
  what: 'throughput container to container',
  unit: 'Gbit/s',
  budget: { of: 'ratio', is: 'at least', limit: 0.9 },
  needs: async () =>
    (await tryRun('iperf3', ['--version']).catch(() => undefined))?.code === 0
      ? undefined
      : 'iperf3 is not installed on this host',
  async measure(stand) {
    const cloud = await stand.real()
    await stand.raw.prepare()
    const servers = [await cloud.createServer(), await cloud.createServer()]
    const containers = [await stand.raw.run(), await stand.raw.run()]
    try {
      await cloud.untilAllActive(2, 200)
      const ours: number[] = []
      const raw: number[] = []
      for (const _ of range(stand.times(5, 2))) {
        ours.push(await between(stand, `sy-${servers[0]}`, `sy-${servers[1]}`))
        raw.push(await between(stand, containers[0] ?? '', containers[1] ?? ''))
      }
      const note = `TCP by iperf3, one stream, ${ours.length} times 3 s each, in turn`
      return { ours: median(ours), raw: median(raw), note, samples: { ours, raw } }
    } finally {
      await cloud.deleteServers(servers)
      await stand.raw.remove(containers)
    }
  },
}

/** Gbit/s that the second received from the first. */
async function between(stand: Stand, first: string, second: string): Promise<number> {
  const [client, server] = [await pidOf(stand, first), await pidOf(stand, second)]
  const listed = await run('nsenter', [
    '-t',
    server,
    '-n',
    'ip',
    '-o',
    '-4',
    'addr',
    'show',
    'eth0',
  ])
  const address = /inet ([\d.]+)/.exec(listed)?.[1] ?? ''
  const listening = run('nsenter', ['-t', server, '-n', 'iperf3', '-s', '-1', '-B', address])
  await new Promise((resolve) => setTimeout(resolve, 300))
  const words = ['iperf3', '-c', address, '-t', '3', '-J']
  const said = await run('nsenter', ['-t', client, '-n', ...words])
  await listening
  const { end } = JSON.parse(said) as { end: { sum_received: { bits_per_second: number } } } // iperf3's own shape
  return end.sum_received.bits_per_second / 1e9
}

async function pidOf(stand: Stand, container: string): Promise<string> {
  const { State } = await stand.raw.client.call<{ State: { Pid: number } }>(
    'GET',
    `/containers/${container}/json`,
  )
  return String(State.Pid)
}
