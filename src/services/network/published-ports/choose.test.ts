import { describe, expect, it } from 'vitest'
import { choosePorts, type HostPort, type PublishedPortWish } from './choose.ts'

const tcp = (hostPort: number, hostAddress = '0.0.0.0'): HostPort => ({
  protocol: 'tcp',
  hostAddress,
  hostPort,
})
const wish = (more: Partial<PublishedPortWish>): PublishedPortWish => ({
  protocol: 'tcp',
  port: 80,
  ...more,
})
const hostPorts = (...args: Parameters<typeof choosePorts>): number[] =>
  choosePorts(...args).map(({ hostPort }) => hostPort)

describe('ports of the host', () => {
  it('are the asked ones, on every address unless one is named', () => {
    expect(
      choosePorts([wish({ hostPort: 8080 }), wish({ hostPort: 81, hostAddress: '127.0.0.1' })], []),
    ).toEqual([
      { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, port: 80 },
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 81, port: 80 },
    ])
  })

  it('are the first free ones when none or a range is asked for', () => {
    expect(hostPorts([wish({}), wish({ hostPort: 0 })], [tcp(32_768)])).toEqual([32_769, 32_770])
    expect(hostPorts([wish({ hostPort: 80, hostPortEnd: 82 })], [tcp(80), tcp(81)])).toEqual([82])
  })

  it('stay when asked for again', () => {
    const had = choosePorts([wish({})], [tcp(32_768)])
    expect(choosePorts([wish({})], [], had)).toEqual(had)
  })

  it.each([
    ['the same address', tcp(80, '127.0.0.1'), wish({ hostPort: 80, hostAddress: '127.0.0.1' })],
    ['every address', tcp(80), wish({ hostPort: 80, hostAddress: '127.0.0.1' })],
    ['one of all', tcp(80, '127.0.0.1'), wish({ hostPort: 80 })],
  ])('are refused when taken on %s', (_, taken, asked) => {
    expect(() => choosePorts([asked], [taken])).toThrow('port is already allocated')
  })

  it.each([
    ['another protocol', wish({ hostPort: 80, protocol: 'udp' })],
    ['another address', wish({ hostPort: 80, hostAddress: '127.0.0.2' })],
  ])('are free on %s', (_, asked) => {
    expect(hostPorts([asked], [tcp(80, '127.0.0.1')])).toEqual([80])
  })

  it.each([
    wish({ port: 0 }),
    wish({ port: 70_000 }),
    wish({ hostPort: -1 }),
    wish({ hostAddress: 'x' }),
  ])('must make sense: %o', (asked) => {
    expect(() => choosePorts([asked], [])).toThrow('is not')
  })
})
