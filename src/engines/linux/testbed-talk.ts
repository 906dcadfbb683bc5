import { CoProcess } from '../../kernel/exec/coprocess.ts'
import { tryRun, type RunResult } from '../../kernel/exec/run.ts'

/** For tests: how workloads talk, with busybox's tools. A workload is the path of its namespace. */
export const HOST = '/proc/self/ns/net'

export const busybox = async (netns: string, ...words: string[]): Promise<RunResult> =>
  await tryRun('nsenter', [`--net=${netns}`, 'busybox', ...words], { timeoutMs: 10_000 })

export const pings = async (from: string, to: string): Promise<boolean> =>
  (await busybox(from, 'ping', '-c', '1', '-W', '1', to)).code === 0

/** As `pings`, with the patience a busy machine needs: what a link is given in its first moments may be lost there. */
export async function reaches(from: string, to: string): Promise<boolean> {
  for (let tries = 4; tries > 0; tries--) if (await pings(from, to)) return true
  return false
}

/** Calls a server that `listening` keeps. */
export const calls = async (from: string, to: string, port: number): Promise<boolean> =>
  (await busybox(from, 'nc', '-w', '2', to, String(port))).stdout.includes('hello')

const silent = { marker: () => '', complaint: () => /$^/ }

/** A TCP server in a workload that says hello to one caller after another, or what another applet says. */
export async function listening<T>(
  netns: string,
  port: number,
  use: () => Promise<T>,
  applet: readonly string[] = ['echo', 'hello'],
): Promise<T> {
  const words = ['nc', '-ll', '-p', String(port), '-e', 'busybox', ...applet]
  const server = new CoProcess({
    command: 'nsenter',
    args: [`--net=${netns}`, 'busybox', ...words],
    ...silent,
  })
  try {
    await waitFor(async () =>
      (await busybox(netns, 'netstat', '-ltn')).stdout.includes(`:${port} `),
    )
    return await use()
  } finally {
    await server.stop()
  }
}

export async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 5000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never came to hold')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A connection that stays: what is said at one end comes back from the other. */
export async function echoing(
  from: string,
  at: string,
  address: string,
  port: number,
  servedAt = port,
): Promise<{ echoes(word: string): Promise<boolean>; stop(): Promise<void> }> {
  const server = new CoProcess({
    command: 'nsenter',
    args: [`--net=${at}`, 'busybox', 'nc', '-l', '-p', String(servedAt), '-e', 'busybox', 'cat'],
    ...silent,
  })
  await waitFor(async () => (await busybox(at, 'netstat', '-ltn')).stdout.includes(`:${servedAt} `))
  // what comes back goes to stderr, where the co-process listens for the word
  const client = new CoProcess({
    command: 'nsenter',
    args: [`--net=${from}`, 'busybox', 'sh', '-c', `busybox nc ${address} ${port} 1>&2`],
    marker: (number) => `end${number}`,
    complaint: (number) => new RegExp(`end${number}\n`),
    timeoutMs: 2000,
  })
  return {
    echoes: async (word) =>
      await client.ask(word).then(
        (said) => said.includes(word),
        () => false,
      ),
    stop: async () => void (await Promise.all([client.stop(), server.stop()])),
  }
}
