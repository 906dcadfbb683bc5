import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { computeContract } from '../../ports/contract/compute.ts'
import type { ContainerSpec } from '../../ports/compute.ts'
import { createFakeCompute } from './compute.ts'

computeContract('fake', async () => {
  const port = createFakeCompute()
  return {
    port,
    die: async (id) => port.die(id, 137),
    cleanUp: async () => await port.close(),
  }
})

const KEY = `sha256:${'11'.repeat(32)}`
const spec: ContainerSpec = {
  id: 'w1',
  image: KEY,
  revision: 1,
  hostname: 'web',
  env: {},
  labels: {},
  tty: false,
  limits: { vcpus: 1, memoryMiB: 64, pids: 10 },
  files: [],
  dns: [],
  hosts: [],
}

describe('knobs of the fake compute engine', () => {
  it('fails a step as often as told, then works', async () => {
    const fake = createFakeCompute()
    fake.failOn.set('ensureSandbox', 2)
    await expect(fake.ensureSandbox('w1')).rejects.toThrow('told to fail')
    await expect(fake.ensureSandbox('w1')).rejects.toThrow('told to fail')
    expect((await fake.ensureSandbox('w1')).netns).toMatch(/^\/fake\//)
  })

  it('fails a step for whom the predicate says', async () => {
    const fake = createFakeCompute()
    fake.failOn.set('ensureSandbox', (id) => id === 'w2')
    await fake.ensureSandbox('w1')
    await expect(fake.ensureSandbox('w2')).rejects.toThrow('w2')
  })

  it('refuses a container with the sentinel name and lets others vanish', async () => {
    const fake = createFakeCompute()
    await fake.loadImage(KEY, async () => Readable.from([Buffer.from('anything')]))
    await fake.ensureSandbox('w1')
    await expect(fake.create({ ...spec, hostname: 'fail-build' })).rejects.toThrow('fail-build')
    await fake.create(spec)
    fake.vanish('w1')
    expect(await fake.observe('w1')).toEqual({ sandbox: 'absent', container: 'absent' })
  })

  it('takes its time when told to', async () => {
    const fake = createFakeCompute()
    fake.delayMs = 30
    const begin = performance.now()
    await fake.ensureSandbox('w1')
    expect(performance.now() - begin).toBeGreaterThan(25)
  })
})
