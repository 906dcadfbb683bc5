import { invalidValue } from '../fault.ts'

/** Host names as Neutron takes and gives them; pure. */

const MAX_NAME = 255

/** The name in lower case; what is no partially or fully qualified domain name is a 400. Nothing stays nothing. */
export function checkedName(attribute: string, asked: string, domain: string): string {
  const name = checkedFormat(attribute, asked)
  if (name !== '' && !name.endsWith('.') && name.length + domain.length + 2 > MAX_NAME)
    throw invalidValue(
      attribute,
      `'${name}' and the domain '${domain}' together are longer than ${MAX_NAME} characters.`,
    )
  return name
}

/** A domain is written whole, with the dot at its end. */
export function checkedDomain(attribute: string, asked: string): string {
  const domain = checkedFormat(attribute, asked)
  if (domain !== '' && !domain.endsWith('.'))
    throw invalidValue(attribute, `'${domain}' is not a FQDN: it must end with a dot.`)
  return domain
}

function checkedFormat(attribute: string, asked: string): string {
  const reason = asked === '' ? undefined : faultOf(asked)
  if (reason === undefined) return asked.toLowerCase()
  throw invalidValue(attribute, `'${asked}' not a valid PQDN or FQDN. Reason: ${reason}`)
}

/** RFC 952 and RFC 1123, section 2.1. */
function faultOf(name: string): string | undefined {
  const trimmed = name.replace(/\.$/, '')
  if (trimmed.length > MAX_NAME) return `it exceeds the ${MAX_NAME} character FQDN limit`
  const labels = trimmed.split('.')
  for (const label of labels) {
    if (label === '') return 'Encountered an empty component'
    if (label.startsWith('-') || label.endsWith('-'))
      return `Name '${label}' must not start or end with a hyphen`
    if (!/^[a-zA-Z0-9-]{1,63}$/.test(label))
      return `Name '${label}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen`
  }
  const last = labels.at(-1) ?? ''
  return labels.length > 1 && /^\d+$/.test(last)
    ? `TLD '${last}' must not be all numeric`
    : undefined
}

/** What a port without a name is called after its address. */
export const nameOfAddress = (address: string): string => `host-${address.replaceAll(/[.:]/g, '-')}`

/** The address behind a name that `nameOfAddress` may have made; the text need not be an address. */
export function addressOfName(name: string): string | undefined {
  const rest = /^host-([0-9a-f-]+)$/.exec(name)?.[1]
  if (rest === undefined) return undefined
  return /^\d+-\d+-\d+-\d+$/.test(rest) ? rest.replaceAll('-', '.') : rest.replaceAll('-', ':')
}

/** Name and domain joined, without the dot at the end; a name that is whole stays as it is. */
export const wholeName = (name: string, domain: string): string =>
  name.endsWith('.') || domain === ''
    ? name.replace(/\.$/, '')
    : `${name}.${domain.replace(/\.$/, '')}`

export interface DnsAssignment {
  readonly ip_address: string
  readonly hostname: string
  readonly fqdn: string
}

/** `dns_assignment`: the names that each address of a port answers to. */
export function assignments(
  addresses: readonly string[],
  name: string,
  domain: string,
): readonly DnsAssignment[] {
  return addresses.map((address) => {
    const hostname = name === '' ? nameOfAddress(address) : name
    return { ip_address: address, hostname, fqdn: `${wholeName(hostname, domain)}.` }
  })
}
