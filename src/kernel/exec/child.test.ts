import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { isAlive, startDetached, waitUntilGone } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'stackyard-child-'))
const logFile = join(folder, 'log')

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('starts a program that logs to a file, and tells its exit code', async () => {
  const child = await startDetached('sh', ['-c', 'echo out; echo err >&2; exit 7'], { logFile })
  expect(await child.exited).toBe(7)
  expect(readFileSync(logFile, 'utf8')).toBe('out\nerr\n')
})

it('sees a process come to its end, collected by its parent or not', async () => {
  // The shell never waits for its child, which therefore stays behind as a zombie.
  const script = 'sleep 0.1 & echo $!; exec sleep 5'
  const parent = await startDetached('sh', ['-c', script], { logFile: join(folder, 'pid') })
  await expect.poll(() => readFileSync(join(folder, 'pid'), 'utf8')).not.toBe('')
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  expect(await waitUntilGone(pid, 2000)).toBe(true)
  expect(await waitUntilGone(parent.pid, 60)).toBe(false)
  process.kill(parent.pid)
  expect(await waitUntilGone(parent.pid, 2000)).toBe(true)
})

it('says so when there is no such program', async () => {
  await expect(startDetached('/nowhere/at/all', [], { logFile })).rejects.toThrow(
    'cannot run /nowhere/at/all',
  )
  expect(isAlive(2 ** 30)).toBe(false)
})
