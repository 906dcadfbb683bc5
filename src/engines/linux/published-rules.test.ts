import { expect, it } from 'vitest'
import {
  hostRules,
  insideRules,
  isOfPort,
  portRules,
  transitPortsOf,
  translationsOf,
} from './published-rules.ts'

const one = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'
const web = { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, port: 80 } as const

it('translates twice: on the host to the far end, there to the guest', () => {
  const list = translationsOf(
    [web, { ...web, hostAddress: '192.0.2.1', protocol: 'udp' }],
    '10.0.0.5',
    [],
  )
  expect(hostRules(one, list, '169.254.64.2')).toEqual([
    'fib daddr type local tcp dport 8080 dnat to 169.254.64.2:8080 comment "aaaaaaaaaaaa"',
    'ip daddr 192.0.2.1 udp dport 8080 dnat to 169.254.64.2:8080 comment "aaaaaaaaaaaa"',
  ])
  expect(insideRules(one, list)[0]).toBe(
    'tcp dport 8080 dnat to 10.0.0.5:80 comment "aaaaaaaaaaaa"',
  )
})

it('takes another number on the far end where its own is taken', () => {
  const others = ['tcp dport 8080 dnat to 10.0.0.6:80 comment "bbbbbbbbbbbb"']
  const [list] = translationsOf([{ ...web, hostAddress: '127.0.0.2' }], '10.0.0.5', others)
  expect(list?.transitPort).toBe(8081)
  const last = translationsOf(
    [
      { ...web, hostPort: 65_535 },
      { ...web, hostPort: 65_535 },
    ],
    '10.0.0.5',
    [],
  )
  expect(last.map(({ transitPort }) => transitPort)).toEqual([65_535, 1])
})

it('finds its rules in what nft lists', () => {
  const text =
    'table ip published {\n\tchain ports {\n\t\ttcp dport 80 dnat to 10.0.0.5:80 comment "aaaaaaaaaaaa"\n\t\tudp dport 53 dnat to 10.0.0.6:53 comment "bbbbbbbbbbbb"\n\t}\n\n\tchain post {\n\t\tdrop\n\t}\n}\n'
  const rules = portRules(text)
  expect(rules).toHaveLength(2)
  expect(rules.filter((rule) => isOfPort(rule, one))).toEqual([rules[0]])
  expect(transitPortsOf(rules)).toEqual([
    { protocol: 'tcp', port: 80 },
    { protocol: 'udp', port: 53 },
  ])
  expect(portRules('')).toEqual([])
})

it('refuses what is no port and no IPv4 address', () => {
  expect(() => translationsOf([{ ...web, port: 0 }], '10.0.0.5', [])).toThrow('0 is not a port')
  const list = translationsOf([{ ...web, hostAddress: '::1' }], '10.0.0.5', [])
  expect(() => hostRules(one, list, '169.254.64.2')).toThrow('::1')
})
