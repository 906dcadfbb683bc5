import { describe, expect, it, vi } from 'vitest'
import { createFakeNetwork, type FakeNetwork } from '../../../engines/fake/network.ts'
import type { Json } from '../../../kernel/testkit/client.ts'
import { withFaults, type Faults } from '../../../kernel/testkit/faults.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { TestDocker } from './test-docker.ts'

/**
 * A whole life (network, two containers with exposed and published ports, all of it ended again) once for every kind of engine
 * call, with that call failing before its effect, and after it. Whether the cloud died with the call and the door sends it to
 * the next one, or Docker undoes what it began and its user tries again: the end is the same, and nothing is left.
 */
const WRITES = [
  'ensureNetwork',
  'removeNetwork',
  'plug',
  'updatePort',
  'unplug',
  'removeSecurityGroup',
] as const

interface World {
  readonly cloud: TestNetwork
  readonly engine: FakeNetwork
  readonly docker: TestDocker
}

async function start(faults: Faults): Promise<World> {
  const engine = createFakeNetwork()
  const port = withFaults(engine, faults, WRITES)
  const cloud = await startTestNetwork(undefined, { port })
  await cloud.settle()
  faults.calls.length = 0
  return { cloud, engine, docker: new TestDocker(cloud.plugin) }
}

async function live({ docker }: World): Promise<void> {
  const subnets = ['10.4.0.0/24', 'fd00:4::/64']
  const network = await tried(async () => await docker.createNetwork({ subnets }))
  const wish = { publish: [{ Port: 80, HostPort: 8080 }], expose: [{ Proto: 6, Port: 80 }] }
  const one = await tried(async () => await docker.run(network, wish))
  const options = { 'stackyard.qos': '1000' }
  const two = await tried(async () => await docker.run(network, { options }))
  for (const container of [one, two]) await tried(async () => await docker.stop(container))
  await tried(async () => await docker.removeNetwork(network))
}

/** A person who is told an error tries again. */
const tried = async <T>(work: () => Promise<T>): Promise<T> => await work().catch(work)

async function expectNothingLeft({ cloud, engine }: World): Promise<void> {
  await cloud.settle()
  await vi.waitFor(async () => expect((await engine.list()).networks).toEqual([]), 5000)
  for (const what of ['networks', 'subnets', 'subnetpools', 'ports', 'qos/policies']) {
    const answer = await cloud.ask('admin', 'GET', `/${what}`)
    expect({ [what]: Object.values(answer)[0] as Json[] }).toEqual({ [what]: [] })
  }
  const { security_groups: groups } = await cloud.ask('demo', 'GET', '/security-groups')
  expect((groups as Json[]).map(({ name }) => name as string)).toEqual(['default'])
}

async function lifeWith(faults: Faults, resends: boolean): Promise<readonly string[]> {
  const world = await start(faults)
  try {
    world.docker.resends = resends
    await live(world)
    await expectNothingLeft(world)
    return [...faults.calls]
  } finally {
    await world.cloud.close()
  }
}

const calls = await lifeWith({ calls: [], plan: undefined }, false)
const moments = [...new Set(calls)].flatMap((name) =>
  [...new Set([calls.indexOf(name), calls.lastIndexOf(name)])].flatMap((at) =>
    (['before', 'after'] as const).flatMap((when) => [
      { name, at, when, who: 'the door' },
      { name, at, when, who: 'its user' },
    ]),
  ),
)

describe('a life of Docker’s network, disturbed once', () => {
  it('has all the kinds of calls that are to be disturbed', () => {
    expect(new Set(calls)).toEqual(new Set(WRITES))
  })

  it.each(moments)(
    '$name (call $at) fails $when its effect, and $who tries again',
    async ({ at, when, who }) => {
      await lifeWith({ calls: [], plan: { at, when, times: 1 } }, who === 'the door')
    },
  )
})
