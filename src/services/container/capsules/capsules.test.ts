import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../kernel/testkit/client.ts'
import { NETWORK, startContainerBed, type ContainerBed } from '../testbed.ts'

let bed: ContainerBed
beforeAll(async () => {
  bed = await startContainerBed()
})
afterAll(async () => await bed.close())

const detailOf = (answer: { readonly body: Json }): string => answer.body.errors[0].detail
const member = { image: 'busybox', imageDriver: 'glance' }

function templateOf(spec: object, metadata: object = { name: 'pod' }): object {
  return { template: { kind: 'capsule', capsuleVersion: 'beta', metadata, spec } }
}

async function create(spec: object, version?: string, metadata?: object): Promise<Json> {
  const answer = await bed.at(version).post('/capsules', templateOf(spec, metadata))
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.bytes.toString()}`)
  await bed.settle()
  return answer.body
}

const show = async (id: string, version?: string): Promise<Json> =>
  (await bed.at(version).get(`/capsules/${id}`)).body

describe('a capsule', () => {
  it('comes from the JSON of a template as text, too', async () => {
    const asText = async (text: string, version?: string) =>
      await bed.at(version).post('/capsules', { template: text })
    const { template } = templateOf({ containers: [member] }, { name: 'said' }) as Json
    for (const version of ['1.36', '1.40']) {
      const answer = await asText(JSON.stringify(template), version)
      expect([answer.status, answer.body.name]).toEqual([202, 'said'])
      await bed.settle()
      expect((await bed.at().delete(`/capsules/${answer.body.uuid}`)).status).toBe(204)
    }
    expect(detailOf(await asText('kind: capsule'))).toContain('JSON')
    expect(detailOf(await asText('{"kind": "capsule"}'))).toContain("'metadata'")
    expect((await asText('{"kind": "capsule"}')).status).toBe(400)
  })

  it('runs its containers in one network, and hides them from the list of containers', async () => {
    const { uuid } = await create(
      {
        restartPolicy: 'Never',
        containers: [
          { ...member, name: 'web', command: ['sh'], args: ['-c', 'x'], env: { A: 'b' } },
          { ...member, name: 'side', resources: { requests: { cpu: 0.5, memory: 64 } } },
        ],
      },
      '1.40',
      { name: 'pod', labels: { app: 'web' }, annotations: { note: 'x' } },
    )
    const capsule = await show(uuid)
    expect(capsule).toMatchObject({
      status: 'Running',
      name: 'pod',
      labels: { app: 'web' },
      annotations: { note: 'x' },
      restart_policy: { Name: 'no' },
      cpu: 1.5,
      memory: '576',
      init_containers: [],
    })
    expect(capsule.containers.map((one: Json) => [one.name, one.status])).toEqual([
      ['web', 'Running'],
      ['side', 'Running'],
    ])
    expect(capsule.containers[0].command).toEqual(['sh', '-c', 'x'])
    expect(capsule.addresses[NETWORK]).toHaveLength(1)
    expect(capsule.containers[1].addresses).toEqual(capsule.addresses)
    expect((await bed.at().get('/containers')).body.containers).toEqual([])
    expect((await bed.at().get('/capsules')).body.capsules[0].uuid).toBe(uuid)
  })

  it('has the older shape up to 1.31', async () => {
    const capsule = await show('pod', '1.31')
    expect(capsule).toMatchObject({ meta_name: 'pod', restart_policy: 'no' })
    expect(capsule.containers_uuids).toHaveLength(2)
    expect(capsule).not.toHaveProperty('name')
    expect(capsule).not.toHaveProperty('init_containers')
    expect(await show('pod', '1.37')).not.toHaveProperty('annotations')
  })

  it('is updated, and its containers speak and take commands', async () => {
    const changed = await bed.at().patch('/capsules/pod', { labels: { app: 'other' } })
    expect(changed.body.labels).toEqual({ app: 'other' })
    const logs = await bed.at().get('/capsules/pod/containers/web/logs')
    expect(logs.body).toMatch(/ready/)
    bed.engine.execAnswer = { exitCode: 0, output: 'yes' }
    const answer = await bed.at().post('/capsules/pod/containers/side/execute', { command: 'true' })
    expect(answer.body).toEqual({ output: 'yes', exit_code: 0 })
    expect((await bed.at().get('/capsules/pod/containers/nobody/logs')).status).toBe(404)
  })

  it('goes with everything, running as it is', async () => {
    const { containers } = await show('pod')
    expect((await bed.at('1.40', 'other').delete('/capsules/pod')).status).toBe(404)
    expect((await bed.at().delete('/capsules/pod')).status).toBe(204)
    await bed.settle()
    expect((await bed.at().get('/capsules')).body.capsules).toEqual([])
    const held = await bed.engine.list()
    for (const one of containers) expect(held).not.toContain(one.uuid)
    expect([...bed.network.ports.values()].filter((port) => port.deviceId !== '')).toEqual([])
  })
})

describe('init containers', () => {
  it('run one after the other, and then the others', async () => {
    const { uuid } = await create({
      initContainers: [
        { ...member, name: 'first' },
        { ...member, name: 'second' },
      ],
      containers: [{ ...member, name: 'main' }],
    })
    const states = async (): Promise<string> => {
      const { init_containers, containers } = await show(uuid)
      return [...init_containers, ...containers].map((one: Json) => one.status).join(' ')
    }
    expect(await states()).toBe('Running Created Created')
    expect((await show(uuid)).status).toBe('Pending')
    const [first, second] = (await show(uuid)).init_containers
    bed.engine.die(first.uuid, 0)
    await expect.poll(states).toBe('Stopped Running Created')
    bed.engine.die(second.uuid, 0)
    await expect.poll(states).toBe('Stopped Stopped Running')
    expect((await show(uuid)).status).toBe('Running')
    await bed.at().delete(`/capsules/${uuid}`)
  })

  it('fail the capsule when one ends badly', async () => {
    const { uuid } = await create({
      restartPolicy: 'Never',
      initContainers: [{ ...member, name: 'bad' }],
      containers: [member],
    })
    bed.engine.die((await show(uuid)).init_containers[0].uuid, 2)
    await expect.poll(async () => (await show(uuid)).status).toBe('Failed')
    expect((await show(uuid)).status_reason).toContain('bad ended with exit code 2')
    await bed.at().delete(`/capsules/${uuid}`)
  })
})

it('has succeeded when all ended well', async () => {
  const { uuid } = await create({ restartPolicy: 'Never', containers: [member] })
  bed.engine.die((await show(uuid)).containers[0].uuid, 0)
  await expect.poll(async () => (await show(uuid)).status).toBe('Succeeded')
})

it.each([
  [{ containers: [] }, /containers/],
  [{ containers: [{ command: ['x'] }] }, /image/],
  [
    { containers: [member], volumes: [{ name: 'data', cinder: { volumeID: 'x'.repeat(36) } }] },
    /no block storage/,
  ],
  [{ containers: [member], volumes: [{ name: 'data', cinder: { size: 1 } }] }, /autoRemove/],
  [
    { containers: [member], volumes: [{ name: 'data', cinder: { size: 1, autoRemove: true } }] },
    /mounted by none/,
  ],
  [{ containers: [{ ...member, volumeMounts: [{ name: 'no', mountPath: '/x' }] }] }, /volume no/],
])('refuses %j with a reason', async (spec, reason) => {
  const answer = await bed.at().post('/capsules', templateOf(spec))
  expect(answer.status).toBe(400)
  expect(detailOf(answer)).toMatch(reason)
})
