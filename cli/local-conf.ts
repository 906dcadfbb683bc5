/**
 * DevStack's `local.conf`: of the section `[[local|localrc]]` the lines `KEY=value`. It is shell in DevStack; here values may be
 * quoted and may name keys set above them (`$KEY`, `${KEY}`), and nothing is executed. Other sections are of no use to us.
 */
export function parseLocalConf(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  let inside = false
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    const section = /^\[\[(.*)\]\]$/.exec(line)
    if (section !== null) {
      inside = section[1]?.replaceAll(' ', '') === 'local|localrc'
      continue
    }
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (!inside || match === null) continue
    const [, key = '', value = ''] = match
    values.set(key, plainValue(value, values))
  }
  return values
}

function plainValue(value: string, known: ReadonlyMap<string, string>): string {
  const single = /^'([^']*)'/.exec(value)
  if (single !== null) return single[1] ?? ''
  const double = /^"([^"]*)"/.exec(value)
  // Unquoted, a comment begins at the first # after a blank.
  const text = double !== null ? (double[1] ?? '') : value.replace(/(^|\s)#.*$/, '').trim()
  return text.replaceAll(
    /\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?/g,
    (_, name: string) => known.get(name) ?? '',
  )
}
