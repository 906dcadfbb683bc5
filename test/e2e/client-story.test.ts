import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, tryRun, type RunResult } from '../../src/kernel/exec/run.ts'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { layGuestImages } from '../support/guest-images.ts'
import { onHost, type OnHost } from '../support/host-state.ts'
import { OpenstackClient } from '../support/openstack.ts'
import { until } from '../support/session.ts'
import { pageAt, reachable, SCRIPTED } from '../support/tenant.ts'

/** A user's day with the unmodified `openstack` client and the cloud's own clouds.yaml; the tests tell one story, in order. */
let cloud: CloudProcess
let data: string
let scratch: string
let demo: OpenstackClient
let admin: OpenstackClient
let before: OnHost
let pageAddress: string
let shellAddress: string

beforeAll(async () => {
  data = temporaryData()
  scratch = mkdtempSync(join(tmpdir(), 'stackyard-story-'))
  await layGuestImages(data)
  writeFileSync(join(scratch, 'page.tar'), await busyboxImage({ command: SCRIPTED }))
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(scratch, 'key')])
  cloud = await startCloudProcess({ data })
  demo = OpenstackClient.ofCloud(data, 'stackyard')
  admin = OpenstackClient.ofCloud(data, 'stackyard-admin')
  // first start's router is wired after `Ready.`: it belongs to what is there before the story
  before = await until(
    async () => await onHost(data),
    ({ namespaces }) => namespaces.some((name) => name.includes('-r-')),
    { what: 'the router of first start' },
  )
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
  rmSync(scratch, { recursive: true, force: true })
})

describe('identity', () => {
  it('issues tokens and shows the catalog', async () => {
    const token = await demo.json('token issue')
    expect(token['project_id']).toMatch(/^[0-9a-f]{32}$/)
    const catalog = await demo.json<{ Name: string; Type: string }[]>('catalog list')
    expect(catalog.map((entry) => entry.Type)).toEqual(
      expect.arrayContaining(['identity', 'image', 'network', 'compute']),
    )
  })

  it('lets the admin make projects, users, roles and grants', async () => {
    await admin.text('project create --description story storytellers')
    await admin.text('user create --project storytellers --password once-upon teller')
    await admin.text('role create narrator')
    await admin.text('role add --project storytellers --user teller member')
    const grants = await admin.json<{ Role: string }[]>(
      'role assignment list --user teller --project storytellers --names',
    )
    expect(grants.map((grant) => grant.Role)).toEqual(['member'])
    const teller = new OpenstackClient({
      OS_AUTH_URL: cloud.credentials('demo').authUrl,
      OS_USERNAME: 'teller',
      OS_PASSWORD: 'once-upon',
      OS_PROJECT_NAME: 'storytellers',
      OS_USER_DOMAIN_ID: 'default',
      OS_PROJECT_DOMAIN_ID: 'default',
      OS_IDENTITY_API_VERSION: '3',
    })
    expect(await teller.json<unknown[]>('server list')).toEqual([])
    await expect(teller.text('user list')).rejects.toThrow(/403|not authorized|Forbidden/i)
  })

  it('logs in with an application credential', async () => {
    const made = await demo.json('application credential create --unrestricted story')
    const robot = new OpenstackClient({
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_AUTH_URL: cloud.credentials('demo').authUrl,
      OS_APPLICATION_CREDENTIAL_ID: made['id'] ?? '',
      OS_APPLICATION_CREDENTIAL_SECRET: made['secret'] ?? '',
      OS_IDENTITY_API_VERSION: '3',
    })
    const token = await robot.json('token issue')
    expect(token['project_id']).toBe(made['project_id'])
    await demo.text('application credential delete story')
  })
})

describe('image, keys, network', () => {
  it('takes an image from docker save', async () => {
    await demo.text(
      `image create --container-format docker --disk-format raw --file ${join(scratch, 'page.tar')} page`,
    )
    const images = (await demo.json<{ Name: string; Status: string }[]>('image list')).map(
      (row) => `${row.Name} ${row.Status}`,
    )
    expect(images).toEqual(expect.arrayContaining(['cirros active', 'page active']))
    await demo.text(`image save --file ${join(scratch, 'back.tar')} page`)
    expect(
      readFileSync(join(scratch, 'back.tar')).equals(readFileSync(join(scratch, 'page.tar'))),
    ).toBe(true)
  })

  it('has flavors, makes keys and takes them', async () => {
    const flavors = (await demo.json<{ Name: string }[]>('flavor list')).map((row) => row.Name)
    expect(flavors).toEqual(expect.arrayContaining(['m1.nano', 'm1.micro']))
    expect(await demo.text('keypair create made')).toContain('PRIVATE KEY')
    const mine = await demo.json(`keypair create --public-key ${join(scratch, 'key.pub')} mine`)
    expect(mine['fingerprint']).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  })

  it('builds a network with a way out', async () => {
    await demo.text('network create story-net')
    await demo.text('subnet create --network story-net --subnet-range 10.81.0.0/24 story-subnet')
    await demo.text('router create story-router')
    await demo.text('router set --external-gateway public story-router')
    await demo.text('router add subnet story-router story-subnet')
    const router = await demo.json<{ status: string; interfaces_info: unknown[] }>(
      'router show story-router',
    )
    expect(router).toMatchObject({ status: 'ACTIVE', interfaces_info: [{}] })
    await demo.text('security group create story-group')
    await demo.text('security group rule create --protocol tcp --dst-port 22 story-group')
    await demo.text('security group rule create --protocol tcp --dst-port 80 story-group')
    await demo.text('security group rule create --protocol icmp story-group')
    const rules = await demo.json<unknown[]>('security group rule list story-group')
    expect(rules).toHaveLength(5) // with the two that let everything out
  })
})

describe('servers', () => {
  const where = '--flavor m1.nano --network story-net --security-group story-group --key-name mine'

  it('start, are listed and shown, and have a console', async () => {
    const [page, box] = await Promise.all([
      demo.json(`server create --image page ${where} --wait page`),
      demo.json(`server create --image cirros ${where} --property chapter=one --wait box`),
    ])
    expect([page['status'], box['status']]).toEqual(['ACTIVE', 'ACTIVE'])
    const list = await demo.json<{ Name: string; Status: string }[]>('server list --long')
    const states = list.map((server) => `${server.Name} ${server.Status}`)
    expect(states.toSorted()).toEqual(['box ACTIVE', 'page ACTIVE'])
    const shown = await demo.json<{ addresses: Record<string, string[]> }>('server show box')
    expect(shown.addresses['story-net']?.[0]).toMatch(/^10\.81\.0\./)
    await until(
      async () => await demo.text('console log show page'),
      (text) => text.includes('up'),
      { what: 'the console of page', everyMs: 500 },
    )
  })

  it('serve a page to the world behind a floating IP', async () => {
    pageAddress = (await demo.json('floating ip create public'))['floating_ip_address'] ?? ''
    await demo.text(`server add floating ip page ${pageAddress}`)
    await reachable(pageAddress, 'page')
    expect((await tryRun('ping', ['-c', '2', '-W', '2', pageAddress])).code).toBe(0)
  })

  it('let the owner of the key in by ssh, who sees name and metadata', async () => {
    shellAddress = (await demo.json('floating ip create public'))['floating_ip_address'] ?? ''
    await demo.text(`server add floating ip box ${shellAddress}`)
    await until(
      async () => (await ssh('true')).code,
      (code) => code === 0,
      { what: 'ssh to let us in', timeoutMs: 30_000 },
    )
    expect((await ssh('id -un')).stdout.trim()).toBe('cirros')
    expect((await ssh('hostname')).stdout.trim()).toBe('box')
    const { stdout } = await ssh(
      'wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json',
    )
    expect(JSON.parse(stdout)).toMatchObject({ name: 'box', meta: { chapter: 'one' } })
  })

  it('stop and start, pause and unpause, suspend and resume, reboot', async () => {
    for (const [command, status] of [
      ['stop', 'SHUTOFF'],
      ['start', 'ACTIVE'],
      ['pause', 'PAUSED'],
      ['unpause', 'ACTIVE'],
      ['suspend', 'SUSPENDED'],
      ['resume', 'ACTIVE'],
    ] as const) {
      await demo.text(`server ${command} page`)
      await inStatus('page', status)
      if (status !== 'ACTIVE') expect(await pageAt(pageAddress, 1_000)).toBeUndefined()
    }
    await demo.text('server reboot --wait page')
    await demo.text('server reboot --hard --wait page')
    await reachable(pageAddress, 'page')
  })

  it('change their size', async () => {
    await demo.text('server resize --flavor m1.micro --wait page')
    await demo.text('server resize confirm page')
    await inStatus('page', 'ACTIVE')
    const { flavor } = await demo.json('server show page')
    expect(flavor).toContain('m1.micro')
    await reachable(pageAddress, 'page')
  })

  it('become images that start again with what was written in them', async () => {
    expect((await ssh('echo kept > /home/cirros/note && sync')).code).toBe(0)
    const image = await demo.json('server image create --name box-image --wait box')
    expect(image['status']).toBe('active')
    await demo.text(`server create --image box-image ${where} --wait again`)
    await demo.text(`server remove floating ip box ${shellAddress}`)
    await demo.text(`server add floating ip again ${shellAddress}`)
    await until(
      async () => (await ssh('hostname')).stdout.trim(),
      (name) => name === 'again',
      { what: 'the new server at the old address', timeoutMs: 30_000 },
    )
    expect((await ssh('cat /home/cirros/note')).stdout.trim()).toBe('kept')
  })

  it('are refused with a reason when the wish cannot be met', async () => {
    await expect(demo.text('server create --image nothing --flavor m1.nano none')).rejects.toThrow(
      /nothing/,
    )
    await expect(demo.text('server start page')).rejects.toThrow(/active|state|409/i)
    await expect(demo.text('network delete story-net')).rejects.toThrow(/in use|409|Conflict/i)
  })
})

describe('the end', () => {
  it('everything goes, and nothing is left on the host', async () => {
    await demo.text('server delete --wait page box again')
    await demo.text(`floating ip delete ${pageAddress} ${shellAddress}`)
    await demo.text('router remove subnet story-router story-subnet')
    await demo.text('router delete story-router')
    await demo.text('network delete story-net')
    await demo.text('security group delete story-group')
    await demo.text('image delete page box-image')
    await demo.text('keypair delete made mine')
    await admin.text('user delete teller')
    await admin.text('project delete storytellers')
    await admin.text('role delete narrator')
    expect(await demo.json<unknown[]>('server list')).toEqual([])
    await expect.poll(async () => await onHost(data), { timeout: 30_000 }).toEqual(before)
    process.stdout.write(`${demo.calls + admin.calls} commands\n`)
  }, 120_000)
})

async function inStatus(server: string, status: string): Promise<void> {
  const seen = async (): Promise<string> =>
    (await demo.json(`server show -c status ${server}`))['status'] ?? ''
  await until(seen, (now) => now === status, {
    what: `${server} to be ${status}`,
    timeoutMs: 60_000,
    everyMs: 100,
  })
}

async function ssh(command: string): Promise<RunResult> {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'ConnectTimeout=3',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
  ]
  const words = options.flatMap((option) => ['-o', option])
  return await tryRun('ssh', [
    ...words,
    '-i',
    join(scratch, 'key'),
    `cirros@${shellAddress}`,
    command,
  ])
}
