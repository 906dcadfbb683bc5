import { hexOf } from '../addresses.ts'

/** Values of options, as both versions of DHCP write them. Pure. */
export const addressBytes = (address: string): Buffer => Buffer.from(hexOf(address).slice(2), 'hex')

/** The largest that fits, for a value that does not. */
export function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(Math.min(value, 2 ** (8 * bytes) - 1), 0, bytes)
  return buffer
}

export const macText = (bytes: Buffer): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')

export const partsOf = (value: string): string[] => value.split(',').map((part) => part.trim())

/** One version's options that a port may have of its own. */
export interface OptionBook {
  /** Names that people write into Neutron's extra_dhcp_opts are dnsmasq's. */
  readonly codes: Readonly<Record<string, number>>
  /** Undefined for an option that is not theirs to set, and for a value that is none of it. */
  encode(code: number, value: string): Buffer | undefined
}

/** Options of the port, by name or by number. `unknown` collects what cannot be said. */
export function extraOptions(
  asked: readonly { readonly name: string; readonly value: string }[],
  book: OptionBook,
  unknown: string[],
): (readonly [number, Buffer])[] {
  return asked.flatMap(({ name, value }) => {
    const code =
      book.codes[name.replace(/^option6?:/, '')] ?? Number(name.replace(/^option6?:/, ''))
    const encoded = Number.isInteger(code) ? book.encode(code, value) : undefined
    if (encoded === undefined) unknown.push(name)
    return encoded === undefined ? [] : [[code, encoded] as const]
  })
}
