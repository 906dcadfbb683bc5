/** `2026-01-01T00:00:00.000000`: the time format of Nova's older resources, in UTC without saying so. */
export function novaTime(iso: string): string {
  return `${iso.slice(0, 19)}.${(iso.slice(20).replace(/\D/g, '') + '000000').slice(0, 6)}`
}

/** `2026-01-01T00:00:00Z`: the time format of servers and images. */
export function zuluTime(iso: string): string {
  return `${iso.slice(0, 19)}Z`
}
