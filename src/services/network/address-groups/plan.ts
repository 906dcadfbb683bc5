import { formatCidr, parseCidr } from '../addressing/cidr.ts'
import { invalidValue, neutronError } from '../fault.ts'

/** Lists of prefixes, in canonical spelling. Pure. */

/** As clients name them; a new group takes prefixes only, later ones may be single addresses. */
export function prefixesOf(sent: readonly string[], mayBeAddresses: boolean): readonly string[] {
  const prefixes = sent.map((text) => {
    const cidr = parseCidr(text)
    if (cidr === undefined || (!mayBeAddresses && !text.includes('/')))
      throw invalidValue('addresses', `'${text}' is not a valid IP subnet.`)
    return formatCidr(cidr)
  })
  return [...new Set(prefixes)]
}

export function added(
  groupId: string,
  had: readonly string[],
  more: readonly string[],
): readonly string[] {
  const twice = more.filter((prefix) => had.includes(prefix))
  if (twice.length > 0)
    throw neutronError(
      'badRequest',
      'AddressesAlreadyExist',
      `Addresses ${twice.join(', ')} already exist in the address group ${groupId}.`,
    )
  return [...had, ...more]
}

export function removed(
  groupId: string,
  had: readonly string[],
  less: readonly string[],
): readonly string[] {
  const missing = less.filter((prefix) => !had.includes(prefix))
  if (missing.length > 0)
    throw neutronError(
      'notFound',
      'AddressesNotFound',
      `Addresses ${missing.join(', ')} not found in the address group ${groupId}.`,
    )
  return had.filter((prefix) => !less.includes(prefix))
}
