import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { createInterface } from 'node:readline'
import { run } from '../../src/kernel/exec/run.ts'

export type Protocol = 'tcp' | 'udp' | 'icmp'

/** A conversation that stays: asked again and again, it says whether answers still come. */
export interface Flow {
  /** Does an answer come within `ms` (700)? */
  answers(ms?: number): Promise<boolean>
}

/**
 * A hand inside a network namespace that speaks and listens there: a real program on the workload's own interfaces. `HOST` is
 * this host itself.
 */
export class PacketAgent {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #last = 0

  private constructor(netns: string) {
    this.#child = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', program])
    this.#child.stderr.pipe(process.stderr)
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, answer } = JSON.parse(line) as { id: number; answer: unknown } // our own program's words
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
  }

  /** In the namespace of a running server or container. */
  static async of(workloadId: string): Promise<PacketAgent> {
    return new PacketAgent(await namespaceOf(workloadId))
  }

  static host(): PacketAgent {
    return new PacketAgent('/proc/self/ns/net')
  }

  /** Answers every caller with what he said, on all addresses of both families. */
  async echo(protocol: 'tcp' | 'udp', port: number): Promise<void> {
    await this.#ask({ verb: 'echo', protocol, port })
  }

  /** Who called last at the echo of this port. */
  async lastCaller(port: number): Promise<string | undefined> {
    return (await this.#ask({ verb: 'caller', port })) as string | undefined // as the program says it
  }

  /** Begins to talk; what does not answer can be told only by asking. */
  async open(protocol: Protocol, address: string, port = 0): Promise<Flow> {
    const flow = await this.#ask({ verb: 'open', protocol, address, port })
    return {
      answers: async (ms = 700) => (await this.#ask({ verb: 'answers', flow, ms })) === true,
    }
  }

  /** One conversation from its beginning. */
  async reaches(protocol: Protocol, address: string, port = 0, ms = 700): Promise<boolean> {
    return await (await this.open(protocol, address, port)).answers(ms)
  }

  stop(): void {
    this.#child.kill()
  }

  async #ask(question: object): Promise<unknown> {
    this.#last += 1
    const id = this.#last
    return await new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#child.stdin.write(`${JSON.stringify({ id, ...question })}\n`)
    })
  }
}

export async function namespaceOf(workloadId: string): Promise<string> {
  const pid = await run('docker', ['inspect', '-f', '{{.State.Pid}}', `sy-${workloadId}`])
  return `/proc/${pid.trim()}/ns/net`
}

/** Runs inside the namespace. A flow remembers how many answers came; asking sends once more and waits for one more. */
const program = `
const net = require('net'), dgram = require('dgram'), { spawn } = require('child_process')
const flows = new Map(), callers = new Map()
const bare = (address) => address.replace(/^::ffff:/, '')
const verbs = {
  echo: ({ protocol, port }) => new Promise((done) => {
    if (protocol === 'tcp')
      return net.createServer((socket) => { callers.set(port, bare(socket.remoteAddress)); socket.on('error', () => {}); socket.pipe(socket) }).listen(port, '::', done)
    const socket = dgram.createSocket('udp6')
    socket.on('message', (said, from) => { callers.set(port, bare(from.address)); socket.send(said, from.port, from.address) })
    socket.bind(port, '::', done)
  }),
  caller: ({ port }) => callers.get(port),
  open: ({ id, protocol, address, port }) => {
    const flow = { heard: 0, send: () => {}, end: () => {} }
    flows.set(id, flow)
    const hear = () => { flow.heard += 1 }
    if (protocol === 'tcp') {
      const socket = net.connect(port, address).on('data', hear).on('error', () => {})
      flow.send = () => socket.destroyed || socket.write('x')
      flow.end = () => socket.destroy()
    } else if (protocol === 'udp') {
      const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4').on('message', hear).on('error', () => {})
      flow.send = () => socket.send('x', port, address, () => {})
      flow.end = () => socket.close()
    } else {
      const ping = spawn('ping', ['-n', '-i', '0.2', address], { stdio: ['ignore', 'pipe', 'ignore'] })
      ping.stdout.on('data', (text) => { if (/bytes from/.test(text)) hear() })
      flow.end = () => ping.kill()
    }
    return id
  },
  answers: ({ flow: id, ms }) => new Promise((done) => {
    const flow = flows.get(id), before = flow.heard, began = Date.now()
    flow.send()
    const timer = setInterval(() => {
      const heard = flow.heard > before
      if (!heard && Date.now() - began < ms) return
      clearInterval(timer)
      done(heard)
    }, 10)
  }),
}
process.on('exit', () => { for (const flow of flows.values()) flow.end() })
process.on('SIGTERM', () => process.exit())
require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const question = JSON.parse(line)
  const answer = await verbs[question.verb](question)
  process.stdout.write(JSON.stringify({ id: question.id, answer: answer ?? null }) + '\\n')
}).on('close', () => process.exit())
`
