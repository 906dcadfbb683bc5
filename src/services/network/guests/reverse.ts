import { canonicalIp } from '../addressing/address.ts'

/** `5.0.0.10.in-addr.arpa` → `10.0.0.5`, and the same for IPv6; undefined for what names no single address. */
export function addressOfReverse(name: string): string | undefined {
  const four = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name)?.[1]
  if (four !== undefined) return canonicalIp(four.split('.').slice(0, 4).toReversed().join('.'))
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1]
  if (six === undefined) return undefined
  const digits = six.split('.').slice(0, 32).toReversed().join('')
  return canonicalIp(digits.match(/.{4}/g)?.join(':') ?? '')
}
