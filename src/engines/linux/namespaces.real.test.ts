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
