import { resolve } from 'node:path'
import type { Result } from 'autocannon'
import { run } from '../../src/kernel/exec/run.ts'
import { cpuSeconds } from './proc.ts'

/**
 * As many GETs as the server can answer, sent by autocannon in a process of its own, so that the sender's time is not the
 * server's. The server's CPU time tells how much of a core it had: on a busy machine it is less than one.
 */
export interface Drive {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly seconds: number
  /** The server's process. */
  readonly pid: number
}

export interface Driven {
  readonly perSecond: number
  readonly perCpuSecond: number
  /** CPU seconds of the server per second. */
  readonly cores: number
  readonly p99Ms: number
}

const CONNECTIONS = 10
const program = resolve(import.meta.dirname, '../../node_modules/autocannon/autocannon.js')

export async function drive(wanted: Drive): Promise<Driven> {
  await cannon(wanted, 2) // warm: the compiler has seen the path, connections and statements are there
  const before = await cpuSeconds(wanted.pid)
  const result = await cannon(wanted, wanted.seconds)
  const cpu = (await cpuSeconds(wanted.pid)) - before
  const bad = result.non2xx + result.errors
  if (bad > 0)
    throw new Error(`${bad} of ${result.requests.total} requests to ${wanted.url} failed`)
  return {
    perSecond: result.requests.total / result.duration,
    perCpuSecond: result.requests.total / cpu,
    cores: cpu / result.duration,
    p99Ms: result.latency.p99,
  }
}

export function noteOf(driven: Driven): string {
  const perCore = Math.round(driven.perCpuSecond).toLocaleString('en')
  return `${CONNECTIONS} connections, p99 ${driven.p99Ms} ms; the server used ${driven.cores.toFixed(2)} of a core: ${perCore} per second of CPU time`
}

async function cannon({ url, headers }: Drive, seconds: number): Promise<Result> {
  const sent = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const args = [program, '--json', '-c', String(CONNECTIONS), '-d', String(seconds), ...sent, url]
  const output = await run(process.execPath, args, { timeoutMs: (seconds + 30) * 1000 })
  return JSON.parse(output) as Result // autocannon's own type of what it prints
}
