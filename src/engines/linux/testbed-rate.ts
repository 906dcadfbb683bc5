import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryRun } from '../../kernel/exec/run.ts'

/** How fast packets go, by iperf3; for tests on the real host. */

export const hasIperf = (await tryRun('iperf3', ['--version']).catch(() => undefined))?.code === 0

export interface Way {
  /** Namespace of the client. */
  readonly from: string
  /** Namespace of the server; default: this process's own. */
  readonly in?: string
  /** Where the server listens. */
  readonly address: string
  /** The server sends. */
  readonly reverse?: boolean
}

const PORT = '5290'
const PATIENCE_MS = 30_000

/**
 * Megabits per second that arrive, in two seconds. A try that fails says nothing about the rate (the server is not up yet, or
 * the machine was busy with something else): it is made again.
 */
export async function rate({ from, in: within, address, reverse }: Way): Promise<number> {
  const place = within === undefined ? [] : [`--net=${within}`]
  const listen = ['iperf3', '-s', '-B', address, '-p', PORT]
  const server = spawn('nsenter', [...place, ...listen], { stdio: 'ignore' })
  try {
    const call = [
      '-c',
      address,
      '-p',
      PORT,
      '-t',
      '2',
      '-O',
      '1',
      '-J',
      '--connect-timeout',
      '2000',
    ]
    const words = [`--net=${from}`, 'iperf3', ...call, ...(reverse === true ? ['-R'] : [])]
    for (const until = Date.now() + PATIENCE_MS; ; await sleep(100)) {
      const said = await tryRun('nsenter', words, { timeoutMs: PATIENCE_MS })
      const mbits = receivedIn(said.stdout)
      if (mbits !== undefined) return mbits
      if (Date.now() > until) throw new Error(`iperf3 says: ${said.stdout.slice(-300)}`)
    }
  } finally {
    server.kill('SIGKILL')
  }
}

/** Undefined when it was not measured; the exit code is 0 then all the same. */
function receivedIn(text: string): number | undefined {
  const { end } = JSON.parse(text) as {
    end: { sum_received?: { bits_per_second: number } }
  } // iperf3's own shape
  return end.sum_received === undefined ? undefined : end.sum_received.bits_per_second / 1e6
}
