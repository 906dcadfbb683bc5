const FIRST_MS = 200
const LONGEST_MS = 30_000

/** 0.2 s, 0.4 s, 0.8 s … 30 s, each ± 20 % so that keys failing together do not come back together. */
export function backOffMs(attempts: number, random: () => number = Math.random): number {
  const base = Math.min(FIRST_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_MS)
  return Math.round(base * (0.8 + 0.4 * random()))
}

/** Thrown by a reconciler when trying again cannot help (bad image, refused configuration): the runner gives up at once. */
export class Hopeless extends Error {}
