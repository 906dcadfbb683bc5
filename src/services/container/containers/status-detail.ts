/** «3 minutes», as Docker's own listings put a stretch of time. */
export function stretch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [amount, unit] = amountOf(seconds)
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}

function amountOf(seconds: number): readonly [number, string] {
  if (seconds < 60) return [seconds, 'second']
  if (seconds < 3_600) return [Math.floor(seconds / 60), 'min']
  if (seconds < 86_400) return [Math.floor(seconds / 3_600), 'hour']
  return [Math.floor(seconds / 86_400), 'day']
}

export interface EndFacts {
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly startedAt: string | null
  readonly finishedAt: string | null
}

/** «Up 3 mins», with the verdict of its health check when it has one. */
export function upFor(now: Date, startedAt: string | null, health: string | null): string {
  const up = startedAt === null ? 'Up' : `Up ${stretch(now.getTime() - Date.parse(startedAt))}`
  return health === null ? up : `${up} (${health})`
}

/** «Exited(0) 2 mins ago»; a process that the kernel ended for its memory is named so. */
export function exitedAgo(now: Date, facts: EndFacts): string {
  const code = `Exited(${facts.exitCode ?? 0})`
  const ago =
    facts.finishedAt === null ? '' : ` ${stretch(now.getTime() - Date.parse(facts.finishedAt))} ago`
  return `${code}${ago}${facts.oomKilled ? ' (out of memory: OOMKilled)' : ''}`
}
