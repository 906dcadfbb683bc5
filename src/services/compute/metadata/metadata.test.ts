import { request, type IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NETWORK, startComputeBed, type ComputeBed } from '../testbed.ts'

let bed: ComputeBed
let door: Server
let port: number
let id: string
let address = ''

/** Stands for the network: every connection to this door comes from the server's address. */
beforeAll(async () => {
  bed = await startComputeBed()
  door = createServer((socket) =>
    bed.network.connect(socket, { networkId: NETWORK, address }),
  ).listen(0, '127.0.0.1')
  await once(door, 'listening')
  const at = door.address()
  port = typeof at === 'object' && at !== null ? at.port : 0
  await bed.as('demo').post('/compute/v2.1/os-keypairs', {
    keypair: {
      name: 'key',
      public_key:
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfJ2aNyi8hyxBoykcs9wvhEpq5hQvBbd6jmJvUyEpTW me',
    },
  })
  ;({ id } = await bed.boot({
    key_name: 'key',
    user_data: Buffer.from('#!/bin/sh\n').toString('base64'),
    metadata: { role: 'web' },
    config_drive: true,
  }))
  address = (await bed.show(id)).addresses.private[0].addr
})
afterAll(async () => {
  door.close()
  await bed.close()
})

async function ask(
  path: string,
  method = 'GET',
  body?: string,
): Promise<{ status: number | undefined; text: string }> {
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage] // what node emits
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, text }
}

describe('the guests’ metadata service', () => {
  it('speaks OpenStack', async () => {
    const meta = JSON.parse((await ask('/openstack/latest/meta_data.json')).text)
    expect(meta).toMatchObject({
      uuid: id,
      hostname: 'web',
      meta: { role: 'web' },
      public_keys: { key: expect.stringContaining('ssh-ed25519') },
    })
    expect(
      JSON.parse((await ask('/openstack/2018-08-27/network_data.json')).text).networks[0],
    ).toMatchObject({ ip_address: address, netmask: '255.255.255.0' })
    expect((await ask('/openstack/latest/user_data')).text).toBe('#!/bin/sh\n')
    expect((await ask('/openstack/')).text).toContain('latest')
    const vendor = { licence: { server: '192.0.2.7' } }
    expect(JSON.parse((await ask('/openstack/latest/vendor_data.json')).text)).toEqual(vendor)
    expect(JSON.parse((await ask('/openstack/latest/vendor_data2.json')).text)).toEqual({
      static: vendor,
    })
  })

  it('speaks EC2', async () => {
    expect((await ask('/latest/meta-data/')).text.split('\n')).toEqual(
      expect.arrayContaining(['instance-id', 'public-keys/', 'placement/', 'local-ipv4']),
    )
    expect((await ask('/latest/meta-data/local-ipv4')).text).toBe(address)
    expect((await ask('/2009-04-04/meta-data/public-keys/')).text).toBe('0=key')
    expect((await ask('/latest/meta-data/public-keys/0/openssh-key')).text).toMatch(/^ssh-ed25519/)
    expect((await ask('/latest/meta-data/placement/availability-zone')).text).toBe('nova')
    expect((await ask('/latest/user-data')).text).toBe('#!/bin/sh\n')
  })

  it.each([
    '/nothing',
    '/latest/meta-data/constructor',
    '/openstack/1999-01-01/meta_data.json',
    '/openstack/latest/../x',
    '/latest/meta-data/local-ipv4/more',
  ])('has no %s', async (path) => {
    expect((await ask(path)).status).toBe(404)
  })

  it('takes a password once', async () => {
    expect((await ask('/openstack/latest/password', 'POST', 'secret')).status).toBe(200)
    expect((await ask('/openstack/latest/password', 'POST', 'other')).status).toBe(409)
    expect(
      (await bed.as('demo').get(`/compute/v2.1/servers/${id}/os-server-password`)).body,
    ).toEqual({ password: 'secret' })
    expect(
      (await bed.as('demo').delete(`/compute/v2.1/servers/${id}/os-server-password`)).status,
    ).toBe(204)
    expect((await ask('/openstack/latest/password', 'POST', 'x'.repeat(2000))).status).toBe(400)
  })

  it('knows nobody else', async () => {
    const mine = address
    address = '10.0.0.250'
    expect((await ask('/openstack/latest/meta_data.json')).status).toBe(404)
    address = mine
  })

  it('leaves the same on the config drive', async () => {
    expect((await bed.show(id)).config_drive).toBe('True')
    const drive = new Map(
      bed.engine.specOf(id).files.map(({ path, content }) => [path, fromBase64(content)]),
    )
    for (const name of ['meta_data.json', 'user_data', 'vendor_data.json', 'vendor_data2.json']) {
      const { text } = await ask(`/openstack/latest/${name}`)
      expect([name, drive.get(`/mnt/config/openstack/latest/${name}`)]).toEqual([name, text])
    }
  })
})

const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8')
