/** A name of any letters as a host name: what is no letter, digit or dash is a dash or dropped; `server-<id>` when nothing is left. */
export function hostnameOf(name: string, id: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[ _.]+/g, '-')
    .replaceAll(/[^a-z0-9-]/g, '')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '')
  return plain === '' ? `server-${id}` : plain
}
