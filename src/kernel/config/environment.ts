/** The process's environment; the only place, with `kernel/exec`, that touches `process.env`. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env
}
