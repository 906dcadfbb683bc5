import { afterAll, beforeAll, expect, it } from 'vitest'
import { run, tryRun } from '../../kernel/exec/run.ts'
import { Namespaces } from './namespaces.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'

let bed: LinuxBed
const namespaces = new Namespaces()
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => {
  await namespaces.close()
  await bed.close()
})

it('deletes a link in a namespace given by its path, whether or not its pair has just taken it along', async () => {
  const [here, there] = [await bed.netns(), await bed.netns()]
  const words = `link add dev a type veth peer name b netns ${bed.nameOf(there)}`.split(' ')
  await run('ip', ['-n', bed.nameOf(here), ...words])

  await namespaces.removeLinkInside(here, 'a')
  await namespaces.removeLinkInside(there, 'b')

  const left = await tryRun('ip', ['-n', bed.nameOf(there), 'link', 'show', 'dev', 'b'])
  expect(left.code).not.toBe(0)
})

it('says so when a link cannot be deleted', async () => {
  await expect(namespaces.removeLinkInside(await bed.netns(), 'lo')).rejects.toThrow('link del')
})

it('tells a namespace its first words once, its settings before them, and no program stays there', async () => {
  const name = `sy${bed.cloud}-n-aaaaaaaaaaaa`
  const path = `/run/netns/${name}`
  const words = {
    settings: ['net/ipv6/conf/default/disable_ipv6=1'],
    lines: ['link add br0 type bridge', 'link set dev br0 up'],
    tolerated: /File exists/,
  }
  expect(await namespaces.add(name, 'an-id', words)).toBe('made')
  const inside = async (command: string, ...args: string[]): Promise<string> =>
    (await run('nsenter', [`--net=${path}`, command, ...args])).trim()
  expect(await inside('sysctl', '-n', 'net/ipv6/conf/br0/disable_ipv6')).toBe('1')
  expect(await inside('ip', 'link', 'show', 'lo')).toContain('alias an-id')
  expect((await run('ip', ['netns', 'pids', name])).trim()).toBe('')
  expect(await namespaces.add(name, 'an-id', words)).toBe('known')
  const next = new Namespaces()
  expect(await next.add(name, 'an-id', words)).toBe('found')
  await next.close()
  await expect(namespaces.ipOnce(name, ['link set dev nothing up'])).rejects.toThrow('nothing')

  await namespaces.remove(name)

  expect(namespaces.inode(name)).toBeUndefined()
  await expect(namespaces.ipOnce(name, ['link set dev lo up'])).rejects.toThrow(name)
  await namespaces.remove(name)
})
