import { describe, expect, it } from 'vitest'
import { CoProcess } from './coprocess.ts'

/** A program that complains about every line it does not know, as `ip` and `nft` do. */
const grumbler = `
process.stdin.setEncoding('utf8')
let rest = ''
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n')
  rest = lines.pop()
  for (const line of lines) {
    if (line === 'die') process.exit(3)
    if (line.startsWith('ok')) continue
    process.stderr.write('bad line: ')
    process.stderr.write(line + '\\n')
  }
})`

const start = (timeoutMs = 5000): CoProcess =>
  new CoProcess({
    command: process.execPath,
    args: ['-e', grumbler],
    marker: (number) => `marker${number}z`,
    complaint: (number) => new RegExp(`bad line: marker${number}z\\n`),
    timeoutMs,
  })

describe('a co-process', () => {
  it('answers what was said about each text, in order', async () => {
    const child = start()
    const answers = await Promise.all([
      child.ask('ok 1'),
      child.ask('what'),
      child.ask('ok 2\nand\nwhy'),
    ])
    expect(answers).toEqual(['', 'bad line: what', 'bad line: and\nbad line: why'])
    expect(child.idle).toBe(true)
    await child.stop()
    expect(child.alive).toBe(false)
  })

  it('fails the text at hand and all that wait when it dies, and what comes after', async () => {
    const child = start()
    const [first, second] = await Promise.allSettled([child.ask('die'), child.ask('ok')])
    expect([first.status, second.status]).toEqual(['rejected', 'rejected'])
    await expect(child.ask('ok')).rejects.toThrow('ended with 3')
  })

  it('is killed when it takes too long', async () => {
    const child = new CoProcess({
      command: 'sleep',
      args: ['60'],
      marker: String,
      complaint: () => /$^/,
      timeoutMs: 50,
    })
    await expect(child.ask('ok')).rejects.toThrow('time limit')
    await child.stop()
    expect(child.alive).toBe(false)
  })

  it('says when there is no such program', async () => {
    const child = new CoProcess({
      command: '/no/such/program',
      args: [],
      marker: String,
      complaint: () => /$^/,
    })
    await expect(child.ask('ok')).rejects.toThrow('cannot run /no/such/program')
    await child.stop()
  })
})
