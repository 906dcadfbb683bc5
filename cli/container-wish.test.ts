import { describe, expect, it } from 'vitest'
import type { Arguments } from './command.ts'
import { containerWish } from './container-wish.ts'

const image = { reference: 'my-app', driver: 'glance' } as const
const wish = (values: Arguments['values'], command: string[] = []): Record<string, unknown> =>
  containerWish({ values, words: [] }, image, command)

describe('the options of run', () => {
  it('says nothing of what was not asked for', () => {
    expect(wish({})).toEqual({ image: 'my-app', image_driver: 'glance' })
  })

  it.each([
    [{ publish: ['8080:80'] }, { published_ports: { '80/tcp': 8080 } }],
    [{ publish: ['53:53/udp', '80'] }, { published_ports: { '53/udp': 53, '80/tcp': 0 } }],
    [
      { memory: '1g', cpus: '0.5' },
      { memory: '1024', cpu: 0.5 },
    ],
    [{ memory: '1000000' }, { memory: '1' }],
    [
      { env: ['A=b=c'], label: ['x=1'] },
      { environment: { A: 'b=c' }, labels: { x: '1' } },
    ],
    [
      { restart: 'on-failure:3' },
      { restart_policy: { Name: 'on-failure', MaximumRetryCount: '3' } },
    ],
    [
      { tty: true, interactive: true, rm: true },
      { tty: true, interactive: true, auto_remove: true },
    ],
    [
      { network: 'private', entrypoint: '/x' },
      { nets: [{ network: 'private' }], entrypoint: ['/x'] },
    ],
  ])('reads %j', (values, expected) => {
    expect(wish(values)).toMatchObject(expected)
  })

  it.each([
    [{ publish: ['80:http'] }, /-p wants/],
    [{ publish: ['70000:80'] }, /-p wants/],
    [{ env: ['A'] }, /NAME=value/],
    [{ memory: 'much' }, /size/],
  ])('refuses %j', (values, reason) => {
    expect(() => wish(values)).toThrow(reason)
  })
})
