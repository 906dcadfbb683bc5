import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => {
  cloud = await startTestNetwork()
  await cloud.service.bootstrap(cloud.ctx(), {
    floatingRange: '172.24.4.0/24',
    fixedRange: '10.0.0.0/24',
    demoProjectId: projectIdOf('demo'),
    adminProjectId: projectIdOf('admin'),
  })
})
afterAll(async () => await cloud.close())

const paths = [
  'address-groups',
  'address-scopes',
  'agents',
  'flavors',
  'floatingip-pools',
  'floatingips',
  'metering/metering-label-rules',
  'metering/metering-labels',
  'ndp_proxies',
  'network-ip-availabilities',
  'networks',
  'ports',
  'qos/policies',
  'rbac-policies',
  'routers',
  'security-group-rules',
  'security-groups',
  'service_profiles',
  'subnetpools',
  'subnets',
  'trunks',
]

const ask = async (path: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await cloud.as('admin').send('GET', `/network/v2.0/${path}`)
  return { status: answer.status, body: answer.body }
}

/** The refusal of a key that is none names those that there are. */
async function keysOf(path: string): Promise<readonly string[]> {
  const { status, body } = await ask(`${path}?sort_key=nonsense`)
  expect(status, path).toBe(400)
  const { message } = body['NeutronError'] as { message: string }
  return /choose from (.*)\.$/.exec(message)?.[1]?.split(', ') ?? []
}

describe('lists', () => {
  it.each(paths)('of %s are sorted by every key that they name, and paged', async (path) => {
    const keys = await keysOf(path)
    expect(keys.length).toBeGreaterThan(3)
    for (const key of keys) {
      for (const dir of ['asc', 'desc']) {
        const sorted = `${path}?sort_key=${key}&sort_dir=${dir}`
        expect((await ask(sorted)).status, sorted).toBe(200)
        expect((await ask(`${sorted}&limit=1&page_reverse=True`)).status, sorted).toBe(200)
      }
    }
  })

  it('go forward and back to where they began, page by page', async () => {
    const names = (body: Record<string, unknown>): string[] =>
      (body['ports'] as { id: string }[]).map(({ id }) => id)
    const link = (body: Record<string, unknown>, rel: string): string | undefined =>
      (body['ports_links'] as { rel: string; href: string }[] | undefined)
        ?.find((each) => each.rel === rel)
        ?.href.split('/v2.0/')[1]
    const all = names((await ask('ports?sort_key=status&sort_dir=desc')).body)
    expect(all.length).toBeGreaterThan(1)
    const seen: string[] = []
    let at: string | undefined = 'ports?sort_key=status&sort_dir=desc&limit=1'
    let last = at
    while (at !== undefined) {
      const { body } = await ask(at)
      seen.push(...names(body))
      if (names(body).length > 0) last = at
      at = link(body, 'next')
    }
    expect(seen).toEqual(all)
    const before = link((await ask(last)).body, 'previous')
    expect(names((await ask(before ?? '')).body)).toEqual([all.at(-2)])
  })

  it('refuse a marker that is not in them, but for those of QoS policies', async () => {
    const marker = 'limit=1&marker=5a1bd2f0-8f4e-4f2f-9b0e-2f6f0c5f7d11'
    expect((await ask(`ports?${marker}`)).status).toBe(400)
    expect((await ask(`qos/policies?${marker}`)).status).toBe(200)
  })
})
