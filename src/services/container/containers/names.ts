import { randomInt } from 'node:crypto'

const LETTERS =
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega'.split(
    ' ',
  )

/** `zeta-22`, as Zun names what got no name. */
export function greekName(): string {
  return `${LETTERS[randomInt(LETTERS.length)] ?? 'alpha'}-${randomInt(1, 25)}`
}

/** What a container is called that was given no name. */
export const containerName = (): string => `${greekName()}-container`

/** A host name out of a container's: letters, digits and dashes, at most 63. */
export function hostnameFrom(name: string): string {
  const clean = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '')
  return clean === '' ? 'container' : clean
}
