import { expect, it } from 'vitest'
import { shapingLines } from './shaping.ts'

const port = { id: 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', mtu: 1400 }
const link = 'paaaaaaaaaaaa'
const queue = 'iaaaaaaaaaaaa'

it('limits what goes to the guest on its own link', () => {
  expect(shapingLines(port, { ingress: { kbps: 10_000, burstKbits: 800 } })).toEqual({
    ip: [],
    tc: [`qdisc replace dev ${link} root tbf rate 10000kbit burst 100000b latency 50ms`],
  })
})

it('leads what the guest sends through a queue of its own, made once', () => {
  const limit = { egress: { kbps: 10_000 } }
  const first = shapingLines(port, limit)
  expect(first.ip[0]).toBe(`link add dev ${queue} group 77 type ifb`)
  expect(first.tc).toHaveLength(3)
  expect(shapingLines(port, { egress: { kbps: 5000 } }, limit)).toEqual({
    ip: [],
    tc: [`qdisc replace dev ${queue} root tbf rate 5000kbit burst 31250b latency 50ms`],
  })
  expect(shapingLines(port, {}, limit)).toEqual({
    ip: [`link del dev ${queue}`],
    tc: [`qdisc del dev ${link} ingress`],
  })
})

it('says nothing when nothing changes, and lets whole frames pass however small the limit', () => {
  const limits = { egress: { kbps: 1 }, ingress: { kbps: 1 } }
  expect(shapingLines(port, limits, limits)).toEqual({ ip: [], tc: [] })
  expect(shapingLines(port, limits).tc.at(-1)).toContain('burst 4254b')
})
