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
  await cloud.settle()
})
afterAll(async () => await cloud.close())

const label = async (more: object = {}): Promise<string> =>
  (
    await cloud.ask('admin', 'POST', '/metering/metering-labels', {
      metering_label: { name: 'web', project_id: projectIdOf('demo'), ...more },
    })
  ).metering_label.id

const rule = async (labelId: string, more: object, status = 201): Promise<string | undefined> =>
  (
    await cloud.ask(
      'admin',
      'POST',
      '/metering/metering-label-rules',
      { metering_label_rule: { metering_label_id: labelId, direction: 'ingress', ...more } },
      status,
    )
  ).metering_label_rule?.id

const routerId = async (): Promise<string> =>
  (await cloud.ask('admin', 'GET', '/routers')).routers[0].id

const metricsText = async (): Promise<string> => await cloud.metrics.registry.metrics()

describe('metering', () => {
  it('tells the routers of the project what to count, and the metrics what was counted', async () => {
    const [id, router] = [await label(), await routerId()]
    await rule(id, { remote_ip_prefix: '10.0.0.0/24' })
    await rule(id, { direction: 'egress', source_ip_prefix: '10.0.0.7', excluded: true })
    await cloud.settle()
    expect(cloud.engine.router(router)?.metering).toEqual([
      {
        labelId: id,
        rules: [
          { direction: 'ingress', remoteCidr: '10.0.0.0/24', excluded: false },
          { direction: 'egress', sourceCidr: '10.0.0.7/32', excluded: true },
        ],
      },
    ])
    cloud.engine.meters.set(router, [{ labelId: id, packets: 3, bytes: 4200 }])
    const labels = `{label="${id}",router="${router}"}`
    expect(await metricsText()).toContain(`stackyard_network_metered_bytes${labels} 4200`)
    expect(await metricsText()).toContain(`stackyard_network_metered_packets${labels} 3`)
    await cloud.ask('admin', 'DELETE', `/metering/metering-labels/${id}`)
    await cloud.settle()
    expect(cloud.engine.router(router)?.metering).toBeUndefined()
    const { metering_label_rules: rules } = await cloud.ask(
      'admin',
      'GET',
      '/metering/metering-label-rules',
    )
    expect(rules).toEqual([])
    expect(await metricsText()).not.toContain(id)
  })

  it('counts on every router when the label is shared, and on no other when it is not', async () => {
    const router = await routerId()
    const strange = await label({ project_id: projectIdOf('other') })
    const shared = await label({ project_id: projectIdOf('other'), shared: true })
    for (const id of [strange, shared]) await rule(id, { destination_ip_prefix: '2001:db8::/32' })
    await cloud.settle()
    expect(cloud.engine.router(router)?.metering).toMatchObject([{ labelId: shared }])
    const sorted = '/metering/metering-labels?sort_key=shared&sort_dir=desc&fields=id&limit=1'
    const { metering_labels: labels } = await cloud.ask('admin', 'GET', sorted)
    expect(labels).toEqual([{ id: shared }])
  })

  it('refuses rules that say nothing, too much, or what another says', async () => {
    const id = await label()
    await rule(id, {}, 400)
    await rule(id, { remote_ip_prefix: '10.0.0.0/8', source_ip_prefix: '10.0.0.0/8' }, 400)
    await rule(id, { source_ip_prefix: '10.0.0.0/8', destination_ip_prefix: 'fd00::/8' }, 400)
    await rule(id, { remote_ip_prefix: 'everywhere' }, 400)
    await rule(id, { remote_ip_prefix: '10.0.0.0/24' })
    await rule(id, { remote_ip_prefix: '10.0.0.0/16' }, 409)
    await rule(id, { remote_ip_prefix: '10.0.0.128/25', excluded: true })
    await rule(id, { remote_ip_prefix: '10.0.0.0/16', direction: 'egress' })
    await rule('5a1bd2f0-8f4e-4f2f-9b0e-2f6f0c5f7d11', { remote_ip_prefix: '10.0.0.0/24' }, 404)
  })

  it('is for admins alone', async () => {
    await cloud.ask('demo', 'GET', '/metering/metering-labels', undefined, 403)
    await cloud.ask(
      'demo',
      'POST',
      '/metering/metering-labels',
      { metering_label: { name: 'x' } },
      403,
    )
  })
})
